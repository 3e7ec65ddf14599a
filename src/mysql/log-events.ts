import type { ServerConnection } from './connection.js';
import { valueText } from './server-facts.js';

/** An event as the server lists it: its type's name, and its content as text. */
export type ListedEvent = { readonly type: string; readonly info: string };

/**
 * Lists the first events of a log file (`SHOW BINLOG EVENTS`).
 * @throws WaymarkError those of {@link ServerConnection.query}, also if the file is gone.
 */
export async function readFirstEvents(
  connection: ServerConnection,
  file: string,
  count: number,
): Promise<ListedEvent[]> {
  const rows = await connection.query('SHOW BINLOG EVENTS IN ? LIMIT ?', [file, count]);
  return rows.map((row) => ({ type: valueText(row['Event_type']), info: valueText(row['Info']) }));
}
