import { expect } from 'vitest';
import { compareHints, type Hint, hintFromToken } from '../../src/hints/hint.js';
import type { TestServer } from '../servers/index.js';

/** A hint in a server's log, and the id of the server that it was injected on. */
export type LoggedHint = Hint & { readonly serverId: number };

/**
 * All hints in a server's logs, oldest first, as the server itself shows them: with the default database before the
 * statement, which an event has (its schema).
 */
export async function hintsOf(server: TestServer): Promise<LoggedHint[]> {
  const logs = await server.query<{ Log_name: string }>('SHOW BINARY LOGS');
  const hints: LoggedHint[] = [];
  for (const { Log_name } of logs) {
    const events = await server.query<{ Info: string; Server_id: number }>(
      `SHOW BINLOG EVENTS IN '${Log_name}'`,
    );
    for (const { Info, Server_id } of events) {
      // MySQL adds the transaction's number as a comment.
      const token =
        /^(?:use `meta`; )?drop view if exists `meta`\.`_pseudo_gtid_hint__([^`]+)`(?: \/\*.*\*\/)?$/.exec(
          Info,
        )?.[1];
      if (token !== undefined) hints.push({ ...hintFromToken(token), serverId: Server_id });
    }
  }
  return hints;
}

/** Each hint is newer than the one before it. */
export function expectAscending(hints: readonly Hint[]): void {
  for (const [index, hint] of hints.entries()) {
    const before = hints[index - 1];
    if (before !== undefined) expect(compareHints(hint, before)).toBeGreaterThan(0);
  }
}
