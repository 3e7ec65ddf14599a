import { batchOf } from '../../../src/records/record-batch.js';
import { expect, test } from 'vitest';
import { watchedSink } from '../../../src/sinks/watched-sink.js';
import type { Sink } from '../../../src/sinks/sink.js';
import { sampleTransaction } from './sample-records.js';

const { signal } = new AbortController();

/** A sink whose calls end when the test says so. */
function heldSink() {
  const calls: string[] = [];
  let settle: { resolve: () => void; reject: (error: Error) => void } | null = null;
  const held = (name: string): Promise<void> =>
    new Promise((resolve, reject) => {
      calls.push(name);
      settle = { resolve, reject };
    });
  const sink: Sink = {
    open: () => Promise.resolve({ remembers: true, delivered: [], endsBetweenTransactions: true }),
    deliver: ({ count }) => held(`deliver ${count}`),
    flush: async () => {
      await held('flush');
      return { bytes: 12 };
    },
    close: () => held('close'),
  };
  return { sink, calls, settle: () => settle };
}

test('shows what the sink is at, and how long each delivery took', async () => {
  const seconds: number[] = [];
  const { sink: inner, calls, settle } = heldSink();
  const { sink, activity } = watchedSink(inner, (taken) => seconds.push(taken));
  expect(activity()).toEqual({ backlog: 0, busySinceMs: null, trouble: null });
  expect(await sink.open(null, signal)).toMatchObject({ remembers: true });

  const before = performance.now();
  const delivered = sink.deliver(batchOf(sampleTransaction(1, 3)), signal);
  expect(activity().backlog).toBe(3);
  expect(activity().busySinceMs).toBeGreaterThanOrEqual(before);
  settle()?.resolve();
  await delivered;
  expect(activity()).toEqual({ backlog: 0, busySinceMs: null, trouble: null });
  expect(seconds).toHaveLength(1);

  const flushed = sink.flush(signal);
  expect(activity().busySinceMs).not.toBeNull();
  settle()?.resolve();
  expect(await flushed).toEqual({ bytes: 12 });
  expect(calls).toEqual(['deliver 3', 'flush']);
  expect(seconds).toHaveLength(1);
});

test("the sink's error comes through, and is no delivery", async () => {
  const seconds: number[] = [];
  const { sink: inner, settle } = heldSink();
  const { sink, activity } = watchedSink(inner, (taken) => seconds.push(taken));
  const delivered = sink.deliver(batchOf(sampleTransaction(1, 1)), signal);
  settle()?.reject(new Error('full'));
  await expect(delivered).rejects.toMatchObject({
    code: 'sink',
    message: 'The sink could not take 1 records: full',
  });
  expect(activity().busySinceMs).toBeNull();
  expect(seconds).toEqual([]);
});

test('waits no longer than the signal says, and asks nothing more of a sink that has not answered', async () => {
  const { sink: inner, calls, settle } = heldSink();
  const { sink, activity } = watchedSink(inner, () => undefined);
  const stop = new AbortController();
  const delivered = sink.deliver(batchOf(sampleTransaction(1, 1)), stop.signal);
  const first = settle();
  stop.abort(new Error('stopped'));
  await expect(delivered).rejects.toThrow('stopped');
  expect(activity().busySinceMs).toBeNull();
  await expect(sink.flush(signal)).rejects.toMatchObject({ code: 'sink' });
  await expect(sink.deliver(batchOf([]), stop.signal)).rejects.toThrow('stopped');
  expect(calls).toEqual(['deliver 1']);

  const closed = sink.close();
  first?.resolve();
  await expect.poll(() => calls).toEqual(['deliver 1', 'close']);
  settle()?.resolve();
  await closed;
});

test('is opened again only when it has answered the call that was given up', async () => {
  const { sink: inner, calls, settle } = heldSink();
  const { sink, activity } = watchedSink(inner, () => undefined);
  const lost = new AbortController();
  const delivered = sink.deliver(batchOf(sampleTransaction(1, 1)), lost.signal);
  const first = settle();
  lost.abort(new Error('not the leader any more'));
  await expect(delivered).rejects.toThrow('not the leader any more');

  const again = new AbortController();
  const refused = sink.open(null, again.signal);
  expect(activity().busySinceMs).not.toBeNull();
  again.abort(new Error('lost again'));
  await expect(refused).rejects.toThrow('lost again');

  const opened = sink.open(null, signal);
  expect(calls).toEqual(['deliver 1']);
  first?.resolve();
  expect(await opened).toMatchObject({ remembers: true });
  expect(activity().busySinceMs).toBeNull();
});

test('whatever a sink throws, and however, is an error of the sink', async () => {
  const broken: Sink = {
    // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors
    open: () => Promise.reject('text'),
    deliver: () => {
      throw new TypeError('not a function');
    },
    flush: () => Promise.reject(new Error('full')),
    close: () => Promise.reject(new Error('gone')),
  };
  const { sink } = watchedSink(broken, () => undefined);
  const records = sampleTransaction(1, 2);
  await expect(sink.open(null, signal)).rejects.toMatchObject({ code: 'sink', cause: 'text' });
  await expect(sink.deliver(batchOf(records), signal)).rejects.toMatchObject({
    code: 'sink',
    message: 'The sink could not take 2 records: not a function',
  });
  await expect(sink.flush(signal)).rejects.toMatchObject({ code: 'sink' });
  await expect(sink.close()).rejects.toMatchObject({ code: 'sink' });
});

test('a position is none when what was given last has not been accepted, until it is opened again', async () => {
  const given: string[] = [];
  const inner: Sink = {
    open: () => Promise.resolve({ remembers: true, delivered: [], endsBetweenTransactions: true }),
    // It has it, and says that it hasn't.
    deliver: ({ records }) => {
      given.push(...records.map(({ id }) => id));
      return Promise.reject(new Error('no answer'));
    },
    flush: () => Promise.resolve({ records: given.length }),
    close: () => Promise.resolve(),
  };
  const { sink } = watchedSink(inner, () => undefined);
  await sink.open(null, signal);
  expect(await sink.flush(signal)).toEqual({ records: 0 });
  await expect(sink.deliver(batchOf(sampleTransaction(1, 2)), signal)).rejects.toThrow('no answer');
  await expect(sink.flush(signal)).rejects.toThrow('has not accepted the last batch');
  await sink.open(null, signal);
  expect(await sink.flush(signal)).toEqual({ records: 2 });
});
