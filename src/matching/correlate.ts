import { WaymarkError } from '../util/errors.js';
import type { CorrelateOptions, Correlation } from './correlation.js';

/**
 * Finds the place on one server that is the same in the history as a place on another: reads the first up to the
 * place, and holds what it read against the second, with the matching that resumes a reader. All tables count.
 *
 * @throws WaymarkError
 * - `coordinates`: there is no such place on `from`, or it lies inside a transaction (the boundaries around it are
 *   named; `details.boundaries` has them).
 * - `no-trail`: no hint stands before it there.
 * - `server-behind`: `to` hasn't got (all of) the transactions before the place; `details.first` is the first that it
 *   lacks, `details.count` how many. Exit code 5.
 * - `diverged`: the servers differ; `details` has the first transaction that does, and its table. Exit code 4.
 * - `out-of-order`: both have the transactions, but some stand behind others that `from` has after the place, so that
 *   no single place on `to` is right; `details` says what stands where.
 * - `hint-purged` (exit code 6), `hint-not-found` (3): `to` has none of the hints any more, or never had.
 * - what reading a log throws (`server-unreachable`, `missing-grant`, `unsuitable-server`, …).
 */
export function correlate(options: CorrelateOptions): Promise<Correlation> {
  void options;
  return Promise.reject(new WaymarkError('protocol', 'not yet'));
}
