import { batchOf } from '../../../src/records/record-batch.js';
import { describe, expect, test } from 'vitest';

import { type OfferedBatch, records, streamSink } from '../../../src/sinks/stream-sink.js';
import { WaymarkError } from '../../../src/util/errors.js';
import { sampleTransaction } from './sample-records.js';

const { signal } = new AbortController();

/** Whether a promise is settled by now, all that could run having run. */
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  let settled = false;
  const settle = (): void => {
    settled = true;
  };
  promise.then(settle, settle);
  await new Promise((resolve) => setImmediate(resolve));
  return settled;
}

function iteratorOf(batches: AsyncIterable<OfferedBatch>): AsyncIterator<OfferedBatch> {
  return batches[Symbol.asyncIterator]();
}

describe('streamSink', () => {
  test('a delivery resolves when its batch is acknowledged, and not before', async () => {
    const { sink, batches } = streamSink();
    expect(await sink.open(null, signal)).toEqual({
      remembers: false,
      delivered: [],
      endsBetweenTransactions: false,
    });
    const iterator = iteratorOf(batches());
    const sample = sampleTransaction(1, 3);
    const delivery = sink.deliver(batchOf(sample), signal);
    const { value } = (await iterator.next()) as { value: OfferedBatch };
    expect(value.records).toEqual(sample);
    expect(await isSettled(delivery)).toBe(false);
    const next = iterator.next();
    expect(await isSettled(next)).toBe(false);
    value.acknowledge();
    value.acknowledge();
    await delivery;
    const second = sink.deliver(batchOf(sampleTransaction(2, 1)), signal);
    // An old batch's acknowledgement is not the new one's.
    value.acknowledge();
    expect(await isSettled(second)).toBe(false);
    ((await next) as { value: OfferedBatch }).value.acknowledge();
    await second;
    expect(await sink.flush(signal)).toBeNull();
  });

  test('an empty delivery needs nobody', async () => {
    await streamSink().sink.deliver(batchOf([]), signal);
  });

  test('closing the sink ends the iteration', async () => {
    const { sink, batches } = streamSink();
    const next = iteratorOf(batches()).next();
    await sink.close();
    expect((await next).done).toBe(true);
    await expect(sink.deliver(batchOf(sampleTransaction(1, 1)), signal)).rejects.toThrow('closed');
    expect((await iteratorOf(streamSinkClosedBefore()).next()).done).toBe(true);
  });

  function streamSinkClosedBefore(): AsyncIterable<OfferedBatch> {
    const { sink, batches } = streamSink();
    void sink.close();
    return batches();
  }

  test("with the agent's run, the iteration ends as the run does", async () => {
    const { sink, batches } = streamSink();
    let finish: () => void = () => undefined;
    const run = new Promise<void>((resolve) => (finish = resolve));
    const next = iteratorOf(batches(run)).next();
    await sink.close();
    expect(await isSettled(next)).toBe(false);
    finish();
    expect((await next).done).toBe(true);
  });

  test("the agent's error is thrown into the iteration", async () => {
    const { sink, batches } = streamSink();
    const failure = new WaymarkError('diverged', 'the servers differ');
    let fail: (error: Error) => void = () => undefined;
    const run = new Promise<void>((_, reject) => (fail = reject));
    const delivery = sink.deliver(batchOf(sampleTransaction(1, 1)), signal).catch((error: unknown) => error);
    const loop = (async () => {
      for await (const batch of batches(run)) {
        batch.acknowledge();
        await sink.close();
        fail(failure);
      }
    })();
    await expect(loop).rejects.toBe(failure);
    expect(await delivery).toBeUndefined();
  });

  test('leaving the loop makes the delivery fail, the one that waits and any later one', async () => {
    const { sink, batches } = streamSink();
    const delivery = sink.deliver(batchOf(sampleTransaction(1, 1)), signal).catch((error: unknown) => error);
    for await (const batch of batches()) {
      expect(batch.records).toHaveLength(1);
      break;
    }
    expect(await delivery).toMatchObject({
      code: 'sink',
      message: expect.stringContaining('stopped reading') as unknown,
    });
    await expect(sink.deliver(batchOf(sampleTransaction(2, 1)), signal)).rejects.toMatchObject({
      code: 'sink',
    });
  });

  test('a signal withdraws the batch', async () => {
    const { sink, batches } = streamSink();
    const controller = new AbortController();
    const iterator = iteratorOf(batches());
    const delivery = sink.deliver(batchOf(sampleTransaction(1, 1)), controller.signal);
    const { value } = (await iterator.next()) as { value: OfferedBatch };
    controller.abort(new Error('stopping'));
    await expect(delivery).rejects.toThrow('stopping');
    value.acknowledge();
    await expect(sink.deliver(batchOf(sampleTransaction(2, 1)), controller.signal)).rejects.toThrow(
      'stopping',
    );
  });

  test('one consumer, one delivery at a time', async () => {
    const { sink, batches } = streamSink();
    batches();
    expect(() => batches()).toThrow('once');
    const first = sink.deliver(batchOf(sampleTransaction(1, 1)), signal).catch((error: unknown) => error);
    await expect(sink.deliver(batchOf(sampleTransaction(2, 1)), signal)).rejects.toThrow(
      'not acknowledged yet',
    );
    await sink.close();
    expect(await first).toMatchObject({ code: 'sink' });
  });
});

describe('records', () => {
  test('gives record by record, and acknowledges a batch when the one behind it is asked for', async () => {
    const { sink, batches } = streamSink();
    const iterator = records(batches());
    const sample = sampleTransaction(1, 2);
    const delivery = sink.deliver(batchOf(sample), signal);
    expect((await iterator.next()).value).toEqual(sample[0]);
    expect((await iterator.next()).value).toEqual(sample[1]);
    expect(await isSettled(delivery)).toBe(false);
    const next = iterator.next();
    await delivery;
    await sink.close();
    expect((await next).done).toBe(true);
  });

  test('a loop that is left does not acknowledge', async () => {
    const { sink, batches } = streamSink();
    const delivery = sink.deliver(batchOf(sampleTransaction(1, 1)), signal).catch((error: unknown) => error);
    for await (const record of records(batches())) {
      expect(record.tx.last).toBe(true);
      break;
    }
    expect(await delivery).toMatchObject({ code: 'sink' });
  });
});

test('closed and opened again, as when an agent leads another time, it goes on in the same iteration', async () => {
  let stop = (): void => undefined;
  const running = new Promise<void>((resolve) => {
    stop = resolve;
  });
  const { sink, batches } = streamSink();
  const tokens: number[] = [];
  const reading = (async () => {
    for await (const batch of batches(running)) {
      tokens.push(batch.fencingToken);
      batch.acknowledge();
    }
  })();
  for (const token of [3, 5]) {
    const fencing = { stream: 'shop', token };
    await sink.open(null, signal, fencing);
    await sink.deliver(batchOf(sampleTransaction(token, 1)), signal, fencing);
    await sink.close();
    await expect(sink.deliver(batchOf(sampleTransaction(token, 1)), signal, fencing)).rejects.toThrow(
      'closed',
    );
  }
  stop();
  await reading;
  expect(tokens).toEqual([3, 5]);
});
