import { formatCoordinates } from '../binlog/coordinates.js';
import { formatAddress } from '../config/address.js';
import { isReplica } from '../mysql/inspect.js';
import { noBinaryLog } from '../mysql/server-error.js';
import { isAtLeast } from '../mysql/version.js';
import { WaymarkError } from '../util/errors.js';
import type { CorrelateOptions, Correlation, InspectedServer } from './result.js';
import {
  correlateTrail,
  everything,
  isStatement,
  locate,
  logsRows,
  matchOptions,
  shownAnchor,
  scanOptions,
} from './trail-place.js';
import { behind } from '../matching/history.js';
import type { HistoryBeforeOptions } from '../matching/history-before.js';
import { isOrdered } from '../matching/match-log.js';
import { lengthened, readServerTrail, type ServerTrail } from './server-trail.js';

/**
 * Finds the place on one server that is the same in the history as a place on another. It reads the first log up to
 * the place, and compares that with the second log, by the same matching that resumes a reader. All tables count.
 *
 * @throws WaymarkError
 * - `coordinates`: there is no such place on `from`, or it lies inside a transaction (the boundaries around it are
 *   named; `details.boundaries` has them).
 * - `no-trail`: there is no hint before it.
 * - `server-behind`: `to` lacks transactions before the place. `details.first` is the first one (null if not even a
 *   hint before the place has arrived), `details.count` how many. Exit code 5.
 * - `diverged`: the servers differ. `details` has the first difference, and its table. Exit code 4.
 * - `out-of-order`: both have the transactions, but on `to` some come after others that `from` has after the place.
 *   No single place on `to` is right. `details` says what is where.
 * - `purged` (exit code 6), `not-found` (3): `to` has none of the hints any more, or never had.
 * - `unsuitable-server`: one of them is a replica that doesn't write what it replicates to its own log, or has none;
 *   or one logs rows and the other statements, and nothing matches the transactions up.
 * - what reading a log throws (`server-unreachable`, `missing-grant`, …).
 */
export async function correlate(options: CorrelateOptions): Promise<Correlation> {
  const { from, to, at } = options;
  for (const server of [from, to]) requireOwnLog(server);
  const reading: HistoryBeforeOptions = {
    ...scanOptions(from, options),
    inspection: from.inspection,
    filter: everything,
  };
  let trail = await readServerTrail(at, haveCommonGtids(options), reading);
  if (needsOrigins(trail, options) && !haveCommonOrigins(trail, options)) return behindHint(trail, options);
  const { margin, ...matching } = matchOptions(trail, false, options);
  if (!isOrdered(matching) && trail.entries.length < 2 * margin) {
    trail = await lengthened(trail, 2 * margin, reading);
  }
  return correlateTrail(trail, false, options);
}

/** Whether the servers' GTIDs mean the same transactions. */
export function haveCommonGtids({ from, to }: Pick<CorrelateOptions, 'from' | 'to'>): boolean {
  const [a, b] = [from.inspection.facts, to.inspection.facts];
  return a.version.vendor === b.version.vendor && a.gtids === 'shared' && b.gtids === 'shared';
}

/** Whether one server may log as rows what the other logs as a statement. Then only the origin matches them up. */
function needsOrigins({ entries }: ServerTrail, { from, to }: CorrelateOptions): boolean {
  if (from.inspection.facts.binlogFormat !== to.inspection.facts.binlogFormat) return true;
  return logsRows(to) && entries.some(isStatement);
}

/** Whether both servers' logs have an origin for each transaction: MariaDB's GTID, MySQL's commit time. */
function haveCommonOrigins({ steps }: ServerTrail, { from, to }: CorrelateOptions): boolean {
  const [a, b] = [from.inspection.facts.version, to.inspection.facts.version];
  const known =
    a.vendor === b.vendor && (a.vendor === 'mariadb' || (isAtLeast(a, 8, 0, 1) && isAtLeast(b, 8, 0, 1)));
  return known && steps.every((step) => step.kind !== 'transaction' || step.identity.origin !== '');
}

/** Only hints can be compared. So only places right after a hint are known. */
async function behindHint(trail: ServerTrail, options: CorrelateOptions): Promise<Correlation> {
  const { from, to, at } = options;
  const last = trail.steps.at(-1);
  if (last?.kind !== 'hint') {
    const [one, other] = [from, to].map(({ instance }) => formatAddress(instance.address));
    throw new WaymarkError(
      'unsuitable-server',
      `${one ?? ''} and ${other ?? ''} can't be compared: one logs rows and the other statements, and they have ` +
        'neither GTIDs nor commit times in common. Only places right after a hint are known, and ' +
        `${formatCoordinates(at)} is not one: stop the replica there (START REPLICA UNTIL …), or give both the same ` +
        'binlog_format',
      { details: { server: other, ...shownAnchor(trail) } },
    );
  }
  const none = { count: 0, first: [] };
  const place = await locate([last.hint], options);
  return {
    to: behind(place),
    ...shownAnchor(trail),
    transactionsMatched: 0,
    confidence: 'unverified',
    ownTransactions: { from: none, to: none },
  };
}

/** A replica's log must have what it replicates. Otherwise there is nothing to compare. */
function requireOwnLog({ instance, inspection }: InspectedServer): void {
  const server = formatAddress(instance.address);
  const { binaryLogging, logsReplicatedChanges } = inspection.facts;
  if (binaryLogging && (logsReplicatedChanges || !isReplica(inspection))) return;
  throw new WaymarkError(
    'unsuitable-server',
    binaryLogging
      ? `${server} is a replica and doesn't write what it replicates to its binary log (log_slave_updates, on MySQL ` +
          'log_replica_updates, is OFF), so there is nothing in it to compare'
      : `${server} ${noBinaryLog}`,
    { details: { server } },
  );
}
