import { ContentDigest, runHead } from '../binlog/content-digest.js';
import type { Statement } from '../binlog/query-event.js';
import type { RowOperation, TableName } from '../binlog/rows-event.js';
import type { EndedTransaction } from '../binlog/transaction-assembler.js';
import type { ServerFacts } from '../mysql/server.js';
import type { Confidence } from './match-state.js';
import type { Identity } from './trail.js';

/**
 * By what the transactions of two servers are compared. `content`: all there is. `shape`: kinds, tables and statements
 * without what is in the rows. `listed`: the same, as far as SHOW RELAYLOG EVENTS tells it. `origin`: by their GTIDs
 * or commit times alone.
 */
export type Comparison = 'content' | 'shape' | 'listed' | 'origin';

/** How the logs of two servers, as they are set now, can be compared. Pure. */
export function comparisonOf(a: ServerFacts, b: ServerFacts): Comparison {
  // The same change is rows in the one log and a statement in the other.
  if (a.binlogFormat !== b.binlogFormat) return 'origin';
  // Row images that leave out other columns: MINIMAL, NOBLOB.
  return a.binlogFormat === 'STATEMENT' || a.rowImage === b.rowImage ? 'content' : 'shape';
}

/** What a match by this comparison says at most. */
export function confidenceOf(comparison: Comparison, proved: Confidence): Confidence {
  switch (comparison) {
    case 'content':
      return proved;
    case 'shape':
    case 'listed':
      // Shapes that come in another order may be anybody's.
      return proved === 'exact' ? 'shape' : 'unverified';
    case 'origin':
      return 'unverified';
  }
}

/** The shape of a transaction, taken as it streams by. */
export class Shape {
  #digest = new ContentDigest();

  rows(operation: RowOperation, name: TableName): void {
    // As one text: that is how a server lists it. The number of columns isn't listed.
    const table = { schema: '', table: `${name.schema}.${name.table}` };
    this.#digest.rows(runHead(table, operation, 0), Buffer.alloc(0));
  }

  /** A relay log's listing leaves out the default schema of some statements; so it doesn't count. */
  statement({ sql }: Statement): void {
    this.#digest.statement({ schema: '', sql });
  }

  /** The digest of the shape; the next one begins. */
  take(): bigint {
    const value = this.#digest.value();
    this.#digest = new ContentDigest();
    return value;
  }
}

/** What identifies a transaction in a comparison. */
export function identityFor(
  comparison: Comparison,
  identity: Identity,
  { gtid }: Pick<EndedTransaction, 'gtid'>,
  shape: bigint,
): Identity {
  switch (comparison) {
    case 'content':
      return identity;
    case 'shape':
      return { ...identity, digest: shape };
    case 'listed':
      return listedIdentity(gtid, shape);
    case 'origin': {
      const digest = new ContentDigest();
      digest.statement({ schema: '', sql: identity.origin });
      return { ...identity, digest: digest.value() };
    }
  }
}

/** A listing has neither commit times nor seconds. */
export function listedIdentity(gtid: string | null, shape: bigint): Identity {
  return { digest: shape, second: 0, origin: gtid === null ? '' : `l:${gtid}` };
}
