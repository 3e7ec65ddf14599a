import { ContentDigest, runHead } from '../transactions/content-digest.js';
import type { Statement } from '../binlog/query-event.js';
import type { RowOperation, TableName } from '../binlog/rows-event.js';
import type { Identity } from './trail.js';

/**
 * The digest of what SHOW RELAYLOG EVENTS shows of a transaction, computed while it streams by: kinds of change,
 * tables and statements, without the content of rows.
 */
export class ListedDigest {
  #digest = new ContentDigest();

  rows(operation: RowOperation, name: TableName): void {
    // As one text: that is how a server lists it. The number of columns isn't listed.
    const table = { schema: '', table: `${name.schema}.${name.table}` };
    this.#digest.rows(runHead(table, operation, 0), Buffer.alloc(0));
  }

  /** A listing leaves out the default schema of some statements; so it doesn't count. */
  statement({ sql }: Statement): void {
    this.#digest.statement({ schema: '', sql });
  }

  /** The digest; the next one begins. */
  take(): bigint {
    const value = this.#digest.value();
    this.#digest = new ContentDigest();
    return value;
  }
}

/** A listing has neither commit times nor seconds. */
export function listedIdentity(gtid: string | null, digest: bigint): Identity {
  return { digest, second: 0, origin: gtid === null ? '' : `l:${gtid}` };
}
