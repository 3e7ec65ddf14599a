import { askOver } from './ask.js';
import { connect } from './connection.js';
import { dialectOf } from './dialect.js';
import type { Instance } from './instance.js';
import { valueText } from './server-facts.js';
import type { ServerVersion } from './version.js';

/** An event as SHOW RELAYLOG EVENTS lists it. */
export type ListedEvent = {
  readonly file: string;
  readonly position: number;
  readonly type: string;
  readonly serverId: number;
  /** Where the event ends in the source's log. 0 if the server doesn't say. */
  readonly sourceEnd: number;
  readonly info: string;
};

/** Which replica and channel to read the relay logs of. */
export type RelayLogOptions = {
  readonly instance: Instance;
  readonly version: ServerVersion;
  /** The server's own id. It tells a rotation of the relay log from one of the source's log. */
  readonly serverId: number;
  readonly channel: string;
  readonly signal: AbortSignal;
};

const pageEvents = 20_000;

/** The listing includes the texts of statements. */
const pageBytes = 64 * 1024 * 1024;

/** For each page, the server reads the file from its beginning again. */
const pageLimitMs = 60_000;

/**
 * Lists the events in a replica's relay logs, oldest first, a page at a time. A server purges a relay log file when all
 * of it has been applied, so not much may be left.
 * @throws WaymarkError `missing-grant`, `protocol`, `server-unreachable` (also if it doesn't answer in time),
 *   `stream-broken`.
 */
export async function* readRelayLog(
  options: RelayLogOptions,
): AsyncGenerator<readonly ListedEvent[], void, undefined> {
  const { instance, signal } = options;
  const connection = await connect(instance, { signal, maximumAnswerBytes: pageBytes });
  const question = { purpose: 'list its relay log', signal, limitMs: pageLimitMs };
  try {
    let file: string | null = null;
    let from = 4;
    for (;;) {
      const sql = dialectOf(options.version).relayLogEvents(options.channel, file, from, pageEvents);
      const rows = await askOver(connection, question, () => connection.query(sql));
      const events = rows.map((row): ListedEvent => ({
        file: valueText(row['Log_name']),
        position: Number(row['Pos']),
        type: valueText(row['Event_type']),
        serverId: Number(row['Server_id']),
        sourceEnd: Number(row['End_log_pos']),
        info: valueText(row['Info']),
      }));
      // The page begins with the last event of the page before.
      yield from > 4 ? events.slice(1) : events;
      const last = events.at(-1);
      if (last === undefined) break;
      if (events.length === pageEvents) {
        file = last.file;
        from = last.position;
        continue;
      }
      const next = nextFile(last, options.serverId);
      if (next === null || next === file) break;
      file = next;
      from = 4;
    }
    await connection.close();
  } finally {
    connection.discard();
  }
}

/** Returns the next relay log file, which a file's last event names. Null after the last file. */
function nextFile({ type, serverId, info }: ListedEvent, ownServerId: number): string | null {
  if (type !== 'Rotate' || serverId !== ownServerId) return null;
  return /^(.+);pos=\d+$/.exec(info)?.[1] ?? null;
}
