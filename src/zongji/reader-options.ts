import type { FilterOptions } from './filters.js';

/** Where reading begins, and how. */
export type ReaderOptions = {
  /** The id under which the server knows the reader; random unless given. */
  serverId?: number | undefined;
  /** The file of the log to begin in; the oldest one unless given. */
  filename?: string | undefined;
  position?: number | undefined;
  /** Begin at the log's end. */
  startAtEnd?: boolean | undefined;
  /** Begin behind these transactions: a GTID set of MySQL's, or a GTID position of MariaDB's. */
  gtidSet?: string | null | undefined;
  /** End at the log's end. */
  nonBlock?: boolean | undefined;
  /** Have MariaDB send the statements that made the rows. */
  requestAnnotateRows?: boolean | undefined;
};

/** What `start` takes. */
export type StartOptions = ReaderOptions & FilterOptions;

/** The options of reading among those of `start`. */
export function readerOptions(options: StartOptions): ReaderOptions {
  const { serverId, filename, position, startAtEnd, gtidSet, nonBlock, requestAnnotateRows } = options;
  return {
    ...{ serverId, filename, position, startAtEnd, nonBlock, requestAnnotateRows },
    gtidSet: gtidSet ?? undefined,
  };
}

/** The filters among the options of `start`. */
export function filterOptions(options: StartOptions): FilterOptions {
  const { includeEvents, excludeEvents, includeSchema, excludeSchema } = options;
  return { includeEvents, excludeEvents, includeSchema, excludeSchema };
}
