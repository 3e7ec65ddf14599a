import type { Logger } from 'pino';
import { type Coordinates, formatCoordinates } from '../binlog/coordinates.js';
import { readCommitted } from '../transactions/committed-events.js';
import type { EventBatch } from '../binlog/event.js';
import type { Pulse } from '../dump/pulse.js';
import type { OpenTransaction } from '../transactions/transaction.js';
import { RowDecoder } from '../decode/row-decoder.js';
import { formatAddress } from '../config/address.js';
import type { ColumnRules } from '../config/column-rules.js';
import type { TableFilter } from '../config/table-filter.js';
import { type HintFormat, hintRecogniser } from '../hints/hint.js';
import { LayoutSource } from '../layouts/layout-source.js';
import type { ProvedLayouts } from '../layouts/proved-layouts.js';
import type { ResumePoint } from '../matching/match-state.js';
import type { OwnHistory } from '../matching/own-transactions.js';
import type { PartialTransaction } from '../matching/trail.js';
import type { Instance } from '../mysql/instance.js';
import type { Inspection } from '../mysql/inspect.js';
import { isAtLeast, type ServerVersion } from '../mysql/version.js';
import type { Sink } from '../sinks/sink.js';
import { monotonicMs } from '../util/clock.js';
import { hasCode } from '../util/errors.js';
import { CutOffTransaction, ResemblanceError } from './cut-off-transaction.js';
import { type DeliveredBatch, Deliveries } from './deliveries.js';
import type { Progress } from './progress.js';
import { unreadable } from './unreadable-error.js';
import { OtherContentError, TransactionStream } from './transaction-stream.js';

/** What to read, from where, and where it goes. */
export type TailOptions = {
  readonly instance: Instance;
  readonly inspection: Inspection;
  readonly resume: ResumePoint;
  /** Tells what the server wrote as the source, if it is a replica. */
  readonly own: OwnHistory;
  /** Whether nothing may come before the rest of a transaction that was cut off. */
  readonly ordered: boolean;
  readonly onDivergence: 'halt' | 'continue';
  readonly progress: Progress;
  readonly layouts: ProvedLayouts;
  readonly unprovedNames: 'halt' | 'number';
  readonly filter: TableFilter;
  /** The columns to keep out of the records. Null: none. */
  readonly columns: ColumnRules | null;
  /** Whether a row that the log has only in part stops the stream (`full`). */
  readonly rowImage: 'full' | 'any';
  /** Whether records of rows show the text of their statement. */
  readonly query: boolean;
  readonly format: HintFormat;
  readonly sink: Sink;
  readonly logger: Logger;
  /** Ends reading. */
  readonly signal: AbortSignal;
  /** Ends waiting for the sink. */
  readonly sinkSignal: AbortSignal;
  readonly serverId?: number;
  readonly silenceMs?: number;
  readonly heartbeatMs?: number;
  /** Shows whether the server is being waited for. */
  readonly pulse?: Pulse;
  /** The raw events from a place on, if a dump is open already. Null: they must be asked for. */
  readonly openDump?: (start: Coordinates, signal: AbortSignal) => AsyncIterable<EventBatch> | null;
  /** Called between batches, when the sink has accepted everything before. */
  readonly onBatch: (batch: DeliveredBatch) => Promise<void>;
};

/**
 * Reads a server's changes from a resume point on and delivers them. Ends only when the stream breaks or the signal
 * fires. Reads no further than the sink accepts.
 *
 * @throws what readCommitted and the assembler throw, as {@link UnreadableError} if the content is at fault. `diverged`
 *   if a transaction that was cut off continues differently here, or another transaction has the GTID of one that was
 *   delivered, and `onDivergence` is `halt`. Also throws the sink's error. Whatever ends it, `progress` is what the
 *   sink has accepted.
 */
export async function tail(options: TailOptions): Promise<never> {
  const { version, rowMetadata } = options.inspection.facts;
  // A table may be created long before its first row. A checkpoint between the two must know the layout.
  if (rowMetadata !== 'FULL') options.layouts.isNeeded = true;
  const layouts = new LayoutSource({ ...options, version });
  const notThese = new Set<string>();
  try {
    for (;;) {
      try {
        await readOnce(options, layouts, notThese);
      } catch (error) {
        if (error instanceof ResemblanceError) notThese.add(error.start);
        else if (!goesOnRegardless(error, options)) throw error;
        else if (error instanceof OtherContentError) notThese.add(error.start);
      }
    }
  } finally {
    layouts.close();
  }
}

/**
 * Whether to go on although the transaction that was cut off can't be found, or another transaction has the GTID of one
 * that was delivered. The operator chooses that. Then the transaction in its place is delivered as a whole.
 */
function goesOnRegardless(error: unknown, { onDivergence, progress, logger }: TailOptions): boolean {
  if (onDivergence === 'halt' || !hasCode(error, 'diverged')) return false;
  if (progress.partial === null && !(error instanceof OtherContentError)) return false;
  logger.error(
    { event: 'divergence.ignored', ...error.details },
    `${error.message}. The stream goes on, because failover.onDivergence is continue`,
  );
  if (!(error instanceof OtherContentError)) progress.partial = null;
  return true;
}

async function readOnce(
  options: TailOptions,
  layouts: LayoutSource,
  notThese: ReadonlySet<string>,
): Promise<void> {
  const { progress, instance, inspection, resume, format } = options;
  const server = formatAddress(instance.address);
  const { version } = inspection.facts;
  const { ordered, logger } = options;
  const onShape = logUnproved(server, logger);
  const cutOff = new CutOffTransaction(progress.partial, { ordered, server, notThese, onShape });
  layouts.begin(progress.layoutVersion);
  const stream = new TransactionStream({
    progress,
    filter: options.filter,
    columnRules: options.columns,
    rowImage: options.rowImage,
    query: options.query,
    recognise: hintRecogniser(format),
    decoder: new RowDecoder(version.vendor, hasVectors(version), options.columns),
    layouts,
    server,
    serverId: inspection.facts.serverId,
    skip: resume.skip,
    cutOff,
    notThese,
    own: options.own,
    logger,
  });
  const deliveries = new Deliveries(stream, options);
  const signal = AbortSignal.any([options.signal, deliveries.failed]);
  const start = progress.coordinates;
  const dump = options.openDump?.(start, signal) ?? null;
  const events = readCommitted({
    ...{ instance, start, signal, annotations: options.query },
    ...(dump === null ? {} : { dump }),
    ...(options.pulse === undefined ? {} : { pulse: options.pulse }),
    ...(options.heartbeatMs === undefined ? {} : { heartbeatMs: options.heartbeatMs }),
    ...(options.serverId === undefined ? {} : { serverId: options.serverId }),
    ...(options.silenceMs === undefined ? {} : { silenceMs: options.silenceMs }),
  });
  let end: Coordinates | null = null;
  try {
    for await (const batch of events) {
      ({ end } = batch);
      await work(batch, stream, deliveries, options);
    }
  } catch (error) {
    await deliveries.settled();
    // Before the first event, the error can't be about the content.
    throw end === null ? error : unreadable(error, progress, stream.open, end);
  }
}

/** Returns a function that logs that the delivered part of a transaction was found only by its shape. */
function logUnproved(
  server: string,
  logger: Logger,
): (open: OpenTransaction, partial: PartialTransaction) => void {
  return ({ start, gtid }, { changes }) => {
    logger.warn(
      { event: 'transaction.unproved', server, gtid, changes, ...start },
      `${changes} changes had been delivered of the transaction that goes on at ${formatCoordinates(start)} on ` +
        `${server}: the two servers log them differently (a session's binlog_row_image or binlog_row_value_options), ` +
        'so only tables and counts could be compared, not contents',
    );
  };
}

/** Processes one batch: turns events into records, and gives the records to the sink. */
async function work(
  batch: EventBatch,
  stream: TransactionStream,
  deliveries: Deliveries,
  { progress }: TailOptions,
): Promise<void> {
  if (batch.bytes > 0) progress.lastHeardAtMs = monotonicMs();
  progress.bytes += batch.bytes;
  deliveries.hold();
  try {
    for (let waiting = batch.visit(stream.event); waiting !== null; waiting = batch.visit(stream.event)) {
      await waiting;
    }
  } catch (error) {
    const { open } = stream;
    // Deliver what came before the error: it was right.
    await deliveries.give(batch.end, false);
    await deliveries.settled();
    throw unreadable(error, progress, open, batch.end);
  }
  await deliveries.give(batch.end, batch.complete && stream.open === null);
}

/** MariaDB has VECTOR since 11.7. MySQL's log shows it by itself. */
function hasVectors(version: ServerVersion): boolean {
  return version.vendor === 'mariadb' && isAtLeast(version, 11, 7);
}
