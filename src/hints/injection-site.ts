import { formatAddress } from '../config/address.js';
import type { ServerConnection } from '../mysql/connection.js';
import type { Instance } from '../mysql/instance.js';
import { quoteName } from '../mysql/quote.js';
import { isBinlogServer, sourceAddress, valueText } from '../mysql/server-facts.js';
import { errorNumberOf, isDenied, noBinaryLog, serverTextOf } from '../mysql/server-error.js';
import { readServerState, type ServerState } from '../mysql/server-state.js';
import { hasCode, WaymarkError } from '../util/errors.js';
import type { HintFormat } from './hint.js';

/** An identifier has 64 characters at most (both vendors), and what follows the prefix has 38. */
const longestPrefix = 64 - 'asc:00000000:0000000000000000:00000000'.length;

/** ER_OPTION_PREVENTS_STATEMENT (read_only, super_read_only), ER_READ_ONLY_MODE, ER_CANT_EXECUTE_IN_READ_ONLY_TRANSACTION. */
const readOnlyNumbers = new Set([1290, 1836, 1792]);

/**
 * Makes sure that hints may be injected on this server: it isn't a replica, it writes a binary log, and this
 * session's statements get there.
 *
 * @returns whether the account could see that it isn't a replica. An account without that privilege may inject all
 * the same.
 * @throws WaymarkError `unsuitable-server`, or `config` for a prefix that is too long.
 */
export async function requireInjectionSite(
  connection: ServerConnection,
  instance: Instance,
  format: HintFormat,
): Promise<{ readonly replicationSeen: boolean }> {
  const server = formatAddress(instance.address);
  if (format.prefix.length > longestPrefix) {
    throw new WaymarkError(
      'config',
      `hints.prefix "${format.prefix}" is too long for the hints to be names: at most ${String(longestPrefix)} characters`,
    );
  }
  const state = await readServerState(connection, server, instance.kind);
  const obstacle = obstacleOn(state);
  if (obstacle !== null) throw unsuitable(server, obstacle.what, obstacle.details);
  const [session] = await connection.query('SELECT @@session.sql_log_bin AS logged');
  if (valueText(session?.['logged']) !== '1') {
    throw unsuitable(
      server,
      'keeps this account out of its binary log (sql_log_bin is 0 in its sessions; see init_connect). ' +
        'Inject with another account',
    );
  }
  return { replicationSeen: state.channels !== null };
}

/** Why hints can't be injected on a server, with details. */
type Obstacle = { readonly what: string; readonly details?: Readonly<Record<string, unknown>> };

/** Why hints can't be injected on a server. Null if they can. Pure. */
function obstacleOn({ facts, channels, binlogFilters }: ServerState): Obstacle | null {
  if (isBinlogServer(facts)) {
    return { what: "is a binlog server: it only copies its source's logs. Inject on the source" };
  }
  if (!facts.binaryLogging) {
    return { what: `${noBinaryLog}, so a hint would leave no trace. Inject on a source that writes one` };
  }
  const sources = (channels ?? []).map(sourceAddress);
  if (sources.length > 0) {
    const what =
      `is a replica of ${sources.join(' and ')}, and hints belong on the source: inject there. ` +
      '(If it has been promoted, make it forget its source: RESET REPLICA ALL)';
    return { what, details: { sources } };
  }
  if (facts.readOnly) return { what: readOnly };
  // A hint has no default database. A log that is limited to some databases leaves out such statements.
  const only = binlogFilters?.find(({ name }) => name === 'Binlog_Do_DB');
  if (only === undefined) return null;
  return { what: `writes only the databases ${only.value} to its binary log (binlog_do_db), so no hints` };
}

const readOnly = 'is read-only, so it is no source. Inject on the source';

/**
 * Describes a server's refusal to inject, for the operator. Null if the error isn't a refusal (a lost connection, for
 * example).
 * @param privileges what the statement needs in the hint schema.
 */
export function injectionRefusal(
  error: unknown,
  instance: Instance,
  format: HintFormat,
  privileges = 'DROP',
): WaymarkError | null {
  const errorNumber = errorNumberOf(error);
  if (errorNumber === null) return null;
  const server = formatAddress(instance.address);
  const details = { server, errorNumber };
  if (isDenied(errorNumber)) {
    return new WaymarkError(
      'missing-grant',
      `${server} does not let "${instance.account.user}" inject hints: ${serverTextOf(error)}. ` +
        `Grant it: GRANT ${privileges} ON ${quoteName(format.schema)}.* TO …`,
      { cause: error, details },
    );
  }
  return readOnlyNumbers.has(errorNumber) ? unsuitable(server, readOnly, { errorNumber }, error) : null;
}

/** Turns a server's other refusals into an error for the operator. Returns any other error unchanged. */
export function statementRefusal(error: unknown, { address }: Instance, what: 'hint' | 'event'): unknown {
  const errorNumber = errorNumberOf(error);
  if (errorNumber === null || !hasCode(error, 'protocol')) return error;
  const message = `refuses the ${what}: ${serverTextOf(error)}`;
  return unsuitable(formatAddress(address), message, { errorNumber }, error.cause);
}

function unsuitable(
  server: string,
  what: string,
  details: Readonly<Record<string, unknown>> = {},
  cause?: unknown,
): WaymarkError {
  return new WaymarkError('unsuitable-server', `${server} ${what}`, {
    details: { server, ...details },
    ...(cause === undefined ? {} : { cause }),
  });
}
