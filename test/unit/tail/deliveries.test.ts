import { describe, expect, test } from 'vitest';
import { batchOfLines } from '../../../src/records/record-batch.js';
import { type DeliveredBatch, Deliveries, type LineSource } from '../../../src/tail/deliveries.js';
import { newProgress } from '../../../src/tail/progress.js';
import type { Taken } from '../../../src/tail/transaction-stream.js';

/** Deliveries to a sink that accepts when the test says so. */
class Stand {
  readonly given: string[] = [];
  readonly accepted: DeliveredBatch[] = [];
  readonly progress = newProgress(10);
  readonly deliveries: Deliveries;
  #lines = '';
  #answer: { resolve: () => void; reject: (error: Error) => void } | null = null;

  constructor() {
    const lengthOf = (): number => this.#lines.length;
    const take = (): Taken => {
      const lines = Buffer.from(this.#lines);
      this.#lines = '';
      const count = lines.length;
      const batch = batchOfLines({ lines, count, transactions: 0, lastEnd: 0, inexact: false });
      return { batch, steps: [], partial: null, layoutVersion: 0 };
    };
    const source: LineSource = {
      take,
      get waitingBytes() {
        return lengthOf();
      },
    };
    this.deliveries = new Deliveries(source, {
      progress: this.progress,
      sink: {
        deliver: ({ lines }) => {
          this.given.push(lines.toString());
          return new Promise((resolve, reject) => {
            this.#answer = { resolve, reject };
          });
        },
      },
      sinkSignal: new AbortController().signal,
      onBatch: (batch) => {
        this.accepted.push(batch);
        return Promise.resolve();
      },
    });
  }

  /** Something is read, up to a place. */
  read(lines: string, position: number, isBoundary = true): Promise<void> {
    this.deliveries.hold();
    this.#lines += lines;
    return this.deliveries.give({ file: 'log.000001', position }, isBoundary);
  }

  /** More is read, and not yet to an end. */
  begin(lines: string): void {
    this.deliveries.hold();
    this.#lines += lines;
  }

  async accept(): Promise<void> {
    this.#answer?.resolve();
    await turns();
  }

  async refuse(error: Error): Promise<void> {
    this.#answer?.reject(error);
    await turns();
  }
}

/** All that is to happen has happened: nothing here waits for the outside. */
async function turns(): Promise<void> {
  for (let turn = 0; turn < 3; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

describe('what is read while the sink is at a batch', () => {
  test('is its next batch, as a whole, when it has accepted that one', async () => {
    const stand = new Stand();
    await stand.read('a', 100);
    await stand.read('b', 200);
    await stand.read('c', 300, false);
    expect(stand.given).toEqual(['a']);
    expect(stand.progress).toMatchObject({ records: 0, isDelivering: true });

    await stand.accept();
    expect(stand.given).toEqual(['a', 'bc']);
    expect(stand.progress).toMatchObject({
      ...{ records: 1, coordinates: { position: 100 } },
      isDelivering: true,
    });

    await stand.accept();
    expect(stand.given).toEqual(['a', 'bc']);
    // No dump can begin where the last of it ends.
    expect(stand.progress).toMatchObject({
      ...{ records: 3, coordinates: { position: 100 } },
      isDelivering: false,
    });
    expect(stand.accepted.map(({ position }) => position.position)).toEqual([100, 300]);
  });

  test('waits for its end when the sink is there before it', async () => {
    const stand = new Stand();
    await stand.read('a', 100);
    await stand.read('b', 200);
    stand.begin('c');
    await stand.accept();
    expect(stand.given).toEqual(['a']);

    await stand.deliveries.give({ file: 'log.000001', position: 300 }, true);
    expect(stand.given).toEqual(['a', 'bc']);
  });

  test('is bounded: no more is read before the sink has accepted', async () => {
    const stand = new Stand();
    await stand.read('a', 100);
    let mayReadOn = false;
    const reading = stand.read('b'.repeat(2 * 1024 * 1024), 200).then(() => {
      mayReadOn = true;
    });
    await turns();
    expect(mayReadOn).toBe(false);
    await stand.accept();
    await reading;
    expect(stand.given).toHaveLength(2);
  });

  test('is not given to a sink that has refused a batch: reading ends with its error', async () => {
    const stand = new Stand();
    await stand.read('a', 100);
    await stand.read('b', 200);
    const refusal = new Error('no room');
    await stand.refuse(refusal);
    expect(stand.given).toEqual(['a']);
    expect(stand.deliveries.failed.reason).toBe(refusal);
    await expect(stand.read('c', 300)).rejects.toBe(refusal);
    await expect(stand.deliveries.settled()).rejects.toBe(refusal);
    expect(stand.progress.records).toBe(0);
  });

  test('is all accepted when it is settled', async () => {
    const stand = new Stand();
    await stand.read('a', 100);
    await stand.read('b', 200);
    let settled = false;
    const settling = stand.deliveries.settled().then(() => {
      settled = true;
    });
    await stand.accept();
    expect(settled).toBe(false);
    await stand.accept();
    await settling;
    expect(stand.progress).toMatchObject({ records: 2, coordinates: { position: 200 } });
  });
});
