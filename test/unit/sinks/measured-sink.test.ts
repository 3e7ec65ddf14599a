import { expect, test } from 'vitest';
import { measuredSink } from '../../../src/sinks/measured-sink.js';
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
    deliver: (records) => held(`deliver ${records.length}`),
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
  const { sink, activity } = measuredSink(inner, (taken) => seconds.push(taken));
  expect(activity()).toEqual({ backlog: 0, busySinceMs: null });
  expect(await sink.open(null, signal)).toMatchObject({ remembers: true });

  const before = performance.now();
  const delivered = sink.deliver(sampleTransaction(1, 3), signal);
  expect(activity().backlog).toBe(3);
  expect(activity().busySinceMs).toBeGreaterThanOrEqual(before);
  settle()?.resolve();
  await delivered;
  expect(activity()).toEqual({ backlog: 0, busySinceMs: null });
  expect(seconds).toHaveLength(1);

  const flushed = sink.flush();
  expect(activity().busySinceMs).not.toBeNull();
  settle()?.resolve();
  expect(await flushed).toEqual({ bytes: 12 });
  expect(calls).toEqual(['deliver 3', 'flush']);
  expect(seconds).toHaveLength(1);
});

test("the sink's error comes through, and is no delivery", async () => {
  const seconds: number[] = [];
  const { sink: inner, settle } = heldSink();
  const { sink, activity } = measuredSink(inner, (taken) => seconds.push(taken));
  const delivered = sink.deliver(sampleTransaction(1, 1), signal);
  settle()?.reject(new Error('full'));
  await expect(delivered).rejects.toThrow('full');
  expect(activity().busySinceMs).toBeNull();
  expect(seconds).toEqual([]);
});
