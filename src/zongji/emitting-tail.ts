import { formatAddress } from '../config/address.js';
import { readCommitted } from '../transactions/committed-events.js';
import type { Coordinates } from '../binlog/coordinates.js';
import type { EventBatch } from '../binlog/event.js';
import type { tail, TailOptions } from '../tail/tail.js';
import { unreadable } from '../tail/unreadable-error.js';
import { advance, type Step } from '../tail/progress.js';
import { abortable } from '../util/abortable.js';
import { LayoutSource } from '../layouts/layout-source.js';
import { monotonicMs } from '../util/clock.js';
import { Dictionary } from './dictionary.js';
import { EventReader, type RawEvent } from './event-reader.js';
import { eventsOf, type Host } from './host.js';
import { readerParts } from './single-server.js';
import { PoolTransactions } from './pool-transactions.js';
import { TransactionPlace } from './transaction-place.js';

/** What a pool's reading has beside the program's side. */
export type PoolHost = Host & {
  /** Whether the program wants no more events. */
  readonly isOver: () => boolean;
};

/**
 * Reads a server's events and gives them to the program, whole transactions alone, and each one once: what another server
 * of the pool has brought is passed over. A transaction is delivered when it has been emitted and what its listeners have
 * promised has been kept.
 */
export function emittingTail(host: PoolHost): typeof tail {
  return (options) => emitFrom(options, host);
}

async function emitFrom(options: TailOptions, host: PoolHost): Promise<never> {
  const { instance, inspection, signal, progress, serverId, silenceMs } = options;
  const server = { version: inspection.facts.version, useChecksum: true };
  const dictionary = new Dictionary(instance, signal);
  const layouts = new LayoutSource({ ...options, version: server.version });
  layouts.begin(progress.layoutVersion);
  const transactions = new PoolTransactions({
    ...{ progress, format: options.format, logger: options.logger, skip: options.resume.skip },
    ...{ server: formatAddress(instance.address), serverId: inspection.facts.serverId },
    own: options.own,
  });
  const work: Work = {
    ...{ options, host, transactions, layouts },
    reader: new EventReader({ ...readerParts(host, server), dictionary, layouts }),
    place: new TransactionPlace(progress.coordinates),
  };
  try {
    const batches = readCommitted({
      ...{ instance, signal, start: progress.coordinates, whole: true },
      ...(serverId === undefined ? {} : { serverId }),
      ...(silenceMs === undefined ? {} : { silenceMs }),
      onConnected: (connectionId) => {
        host.connected(server, connectionId);
      },
    });
    let end: Coordinates | null = null;
    try {
      for await (const batch of batches) {
        ({ end } = batch);
        await workOff(batch, work);
      }
    } catch (error) {
      // Before anything has come it is not of the content.
      throw end === null ? error : unreadable(error, progress, transactions.open, end);
    }
  } finally {
    dictionary.close();
    layouts.close();
  }
  throw new RangeError(`the log of ${formatAddress(instance.address)} can't end`);
}

type Work = {
  readonly options: TailOptions;
  readonly host: PoolHost;
  readonly transactions: PoolTransactions;
  readonly reader: EventReader;
  readonly layouts: LayoutSource;
  readonly place: TransactionPlace;
};

/** Emits a batch's events. What was emitted before something fails counts as delivered all the same. */
async function workOff(batch: EventBatch, work: Work): Promise<void> {
  const { progress, signal } = work.options;
  if (batch.bytes > 0) progress.lastHeardAtMs = monotonicMs();
  progress.bytes += batch.bytes;
  const given: Given = { pending: [], records: 0, steps: [], layoutVersion: progress.layoutVersion };
  let failure: { readonly error: unknown } | null = null;
  try {
    for (const raw of eventsOf(batch)) {
      const paused = work.host.paused();
      if (paused !== null) await paused;
      if (work.host.isOver()) {
        failure = { error: signal.reason };
        break;
      }
      await take(raw, work, given);
    }
  } catch (error) {
    failure = { error };
  }
  await settle(batch, given, failure !== null, work);
  if (failure !== null) throw failure.error;
}

/** What of a batch the program has been given. */
type Given = {
  pending: Promise<unknown>[];
  records: number;
  steps: Step[];
  /** Behind the last transaction that is over. */
  layoutVersion: number;
};

/** Waits for what the listeners have promised, and takes over what is delivered then. */
async function settle(
  batch: EventBatch,
  { pending, records, steps, layoutVersion }: Given,
  failed: boolean,
  { options, transactions }: Work,
): Promise<void> {
  const { progress, sinkSignal, onBatch } = options;
  if (pending.length > 0) await abortable(Promise.all(pending), sinkSignal);
  for (const step of steps) advance(progress, step);
  progress.records += records;
  progress.layoutVersion = layoutVersion;
  if (failed) return;
  if (batch.complete && transactions.open === null) progress.coordinates = batch.end;
  const hints = steps.filter(({ kind }) => kind === 'hint').length;
  await onBatch({ records, hints, position: batch.end });
}

async function take(raw: RawEvent, work: Work, given: Given): Promise<void> {
  const { host, transactions, reader, place, layouts } = work;
  const { buffer, start, end } = raw;
  place.event(buffer, start, end, raw.place);
  const read = reader.read(raw, place.resume);
  const event = read instanceof Promise ? await read : read;
  const taken = transactions.take(raw, event, place.gtid);
  const { emitted, step, carriedOut } = taken instanceof Promise ? await taken : taken;
  if (carriedOut !== null) reader.statement(carriedOut.statement, carriedOut.isOwn);
  host.moved(place.resume, null);
  for (const next of emitted) {
    for (const promise of host.emit(next.event, next.gtid)) {
      // Its rejection is heard when the batch is settled, and not before.
      promise.catch(() => undefined);
      given.pending.push(promise);
    }
    if ('rows' in next.event) given.records += 1;
  }
  if (step === null) return;
  given.steps.push(step);
  given.layoutVersion = layouts.layoutVersion;
}
