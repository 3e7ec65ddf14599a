import { formatAddress } from '../config/address.js';
import { askServer } from '../mysql/ask.js';
import type { ServerConnection } from '../mysql/connection.js';
import type { Instance } from '../mysql/instance.js';
import { quoteName, quoteTable, quoteText } from '../mysql/quote.js';
import { valueText } from '../mysql/server-facts.js';
import { WaymarkError } from '../util/errors.js';
import type { Hint, HintFormat } from './hint.js';
import { injectionRefusal, requireInjectionSite, statementRefusal } from './injection-site.js';
import { injectorLock } from './injector.js';
import { hintCounter, hintSeconds } from './next-hint.js';

/** Names of what is installed in the hint schema. */
export const hintEventName = 'waymark_inject_hint';
export const hintStateTable = 'waymark_hint_state';

export type ServerEventOptions = {
  readonly instance: Instance;
  readonly format: HintFormat;
  /** A whole number of seconds, in milliseconds: the server's events know nothing smaller. */
  readonly everyMs: number;
  /** The newest hint in the log. The event's hints must be newer. Null if there is none. */
  readonly newest: Hint | null;
  readonly signal: AbortSignal;
};

/** What the definer of the event needs in the hint schema. */
const privileges = 'CREATE, DROP, EVENT, SELECT, INSERT, UPDATE';
/** For all its statements together. */
const installMs = 30_000;

/**
 * Installs an EVENT in the hint schema, with which the server injects hints itself. Creates the schema and a table
 * with one row of state if they are missing. Installing it again changes only the interval.
 *
 * Because of the state, its hints ascend even after restarts and after the clock was set back. The state is
 * replicated. So each hint comes with a change of a row in `waymark_hint_state`. Filter that table out. Runs don't
 * overlap. While an injector (`waymark inject`) works on the same schema, the event does nothing.
 *
 * The event also exists on replicas, but disabled (SLAVESIDE_DISABLED). After a promotion it stays disabled until it
 * is installed there.
 *
 * @throws WaymarkError `unsuitable-server` (a replica, no binary log, read-only, the event scheduler is off: it is
 * left as it is), `missing-grant`, `usage` (interval), and those of connect.
 */
export async function installServerEvent(options: ServerEventOptions): Promise<void> {
  const { instance, format, signal } = options;
  const seconds = options.everyMs / 1000;
  if (!Number.isInteger(seconds) || seconds < 1) {
    throw new WaymarkError('usage', 'A server EVENT needs an interval of whole seconds, at least 1s');
  }
  try {
    const question = { purpose: 'take an event that injects hints', signal, limitMs: installMs };
    await askServer(instance, question, async (connection) => {
      await requireInjectionSite(connection, instance, format);
      await requireScheduler(connection, instance);
      for (const statement of installation(options, seconds)) await connection.run(statement);
    });
  } catch (error) {
    const refusal = injectionRefusal(error, instance, format, privileges);
    if (refusal !== null) throw refusal;
    throw statementRefusal(error, instance, 'event');
  }
}

async function requireScheduler(connection: ServerConnection, instance: Instance): Promise<void> {
  const [row] = await connection.query('SELECT @@global.event_scheduler AS scheduler');
  const scheduler = valueText(row?.['scheduler']);
  if (scheduler === 'ON') return;
  const server = formatAddress(instance.address);
  const how =
    scheduler === 'DISABLED'
      ? 'Set event_scheduler = ON in its option file and restart it (it is DISABLED, which only a restart changes)'
      : 'Turn it on: SET GLOBAL event_scheduler = ON, and in its option file';
  throw new WaymarkError(
    'unsuitable-server',
    `${server} runs no events (event_scheduler is ${scheduler}). ${how}`,
    {
      details: { server, eventScheduler: scheduler },
    },
  );
}

/** The statements of an installation, in order; each may run again without harm. */
function installation({ format, newest }: ServerEventOptions, seconds: number): string[] {
  const schema = quoteName(format.schema);
  const event = quoteTable(format.schema, hintEventName);
  const table = quoteTable(format.schema, hintStateTable);
  const body = eventBody(format, table);
  const schedule = `ON SCHEDULE EVERY ${String(seconds)} SECOND`;
  const since = newest === null ? 0 : (hintSeconds(newest) ?? 0);
  const counter = newest === null ? 0n : (hintCounter(newest) ?? 0n);
  return [
    // The modes are kept with the event; these are the ones that its text is written for.
    `SET SESSION sql_mode = 'STRICT_ALL_TABLES'`,
    `CREATE DATABASE IF NOT EXISTS ${schema}`,
    `CREATE TABLE IF NOT EXISTS ${table} (
       id TINYINT UNSIGNED NOT NULL PRIMARY KEY,
       seconds BIGINT UNSIGNED NOT NULL,
       counter BIGINT UNSIGNED NOT NULL
     ) COMMENT 'Last hint that the event ${hintEventName} injected'`,
    `INSERT INTO ${table} (id, seconds, counter) VALUES (1, ${String(since)}, ${String(counter)})
       ON DUPLICATE KEY UPDATE seconds = GREATEST(seconds, ${String(since)}), counter = GREATEST(counter, ${String(counter)})`,
    `CREATE EVENT IF NOT EXISTS ${event} ${schedule} DO ${body}`,
    `ALTER EVENT ${event} ${schedule} ENABLE DO ${body}`,
  ];
}

/**
 * The body of the event: it computes the next state, and makes the hint from it. It writes the state before the hint.
 * If the server dies in between, a number is skipped, and none is used twice. The name in a hint differs each time,
 * so the statement is assembled and prepared. Notes are off, because the scheduler would write them (the view doesn't
 * exist) to the error log. sql_auto_is_null, which MariaDB turns on in events, is off, because the log shows it with
 * each statement. The event's session ends with the event, and releases the lock whatever happens.
 */
function eventBody(format: HintFormat, table: string): string {
  const lock = quoteText(injectorLock(format));
  const view = quoteTable(format.schema, `${format.prefix}asc:`);
  const beginning = quoteText(`drop view if exists ${view.slice(0, -1)}`);
  const field = (value: string, digits: number): string => `LPAD(HEX(${value}), ${String(digits)}, '0')`;
  return `
BEGIN
  SET SESSION sql_notes = 0, SESSION sql_auto_is_null = 0;
  IF GET_LOCK(${lock}, 0) = 1 THEN
    UPDATE ${table} SET seconds = GREATEST(seconds, UNIX_TIMESTAMP()), counter = counter + 1 WHERE id = 1;
    SELECT CONCAT(
      ${beginning}, ${field('seconds', 8)}, ':', ${field('counter', 16)}, ':',
      ${field('CAST(FLOOR(RAND() * 4294967296) AS UNSIGNED)', 8)}, '\`'
    ) INTO @waymark_hint FROM ${table} WHERE id = 1;
    PREPARE waymark_hint FROM @waymark_hint;
    EXECUTE waymark_hint;
    DEALLOCATE PREPARE waymark_hint;
    DO RELEASE_LOCK(${lock});
  END IF;
END`;
}
