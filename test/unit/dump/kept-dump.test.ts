import { describe, expect, test } from 'vitest';
import { type EventBatch, EventType, eventType } from '../../../src/binlog/event.js';
import { EventList } from '../../../src/binlog/event-list.js';
import { KeptDump } from '../../../src/dump/kept-dump.js';
import { Random } from '../../support/random.js';

const file = 'log.000001';

/** A dump to which a test feeds events of 10 bytes. Event n stands from `4 + n * 10` on. */
class Feed {
  readonly #waiting: { resolve(batch: EventBatch | null): void; reject(error: Error): void }[] = [];
  readonly #ready: (EventBatch | Error)[] = [];
  #count = 0;
  readonly #list = new EventList('db1');
  isClosed = false;

  /** As readDump does, uses one list for all batches: what a batch has is gone when the next one is asked for. */
  async *dump(): AsyncGenerator<EventBatch, void, undefined> {
    try {
      for (;;) {
        const next = this.#ready.shift() ?? (await this.#more());
        if (next instanceof Error) throw next;
        if (next === null) return;
        yield next;
        this.#list.clear();
      }
    } finally {
      this.isClosed = true;
    }
  }

  #more(): Promise<EventBatch | null> {
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  /** A format description, which takes no room here. */
  format(): void {
    const buffer = Buffer.alloc(19);
    buffer[4] = EventType.formatDescription;
    const at = { file, position: 4 + this.#count * 10 };
    const visit: EventBatch['forEach'] = (visitor) => {
      visitor(buffer, 0, 19, { file, start: at.position, end: at.position, xid: null });
    };
    this.#ready.push({
      bytes: 19,
      end: at,
      complete: true,
      packed: false,
      forEach: visit,
      visit: () => null,
    });
  }

  push(events: number): void {
    const from = this.#count;
    this.#count += events;
    const end = { file, position: 4 + this.#count * 10 };
    const visit: EventBatch['forEach'] = (visitor) => {
      for (let at = from; at < from + events; at += 1) {
        const buffer = Buffer.alloc(10);
        buffer.writeUInt32LE(at);
        visitor(buffer, 0, 10, { file, start: 4 + at * 10, end: 14 + at * 10, xid: null });
      }
    };
    const batch = {
      bytes: events * 10,
      end,
      complete: true,
      packed: false,
      forEach: visit,
      visit: () => null,
    };
    const waiting = this.#waiting.shift();
    if (waiting === undefined) this.#ready.push(batch);
    else waiting.resolve(batch);
  }

  fail(error: Error): void {
    const waiting = this.#waiting.shift();
    if (waiting === undefined) this.#ready.push(error);
    else waiting.reject(error);
  }
}

const place = (event: number) => ({ file, position: 4 + event * 10 });

function numbersOf(batch: EventBatch): number[] {
  const numbers: number[] = [];
  batch.forEach((buffer, start) => numbers.push(buffer.readUInt32LE(start)));
  return numbers;
}

async function turns(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

describe('a dump that is kept', () => {
  test('goes on from an earlier place, whatever the reader is doing', async () => {
    for (let seed = 1; seed <= 200; seed += 1) {
      const random = new Random(seed);
      const feed = new Feed();
      const kept = new KeptDump(feed.dump(), place(0), 'db1');
      const read: number[] = [];
      const reading = (async () => {
        for await (const batch of kept.read()) {
          read.push(...numbersOf(batch));
          // The reader may be at work, or wait for the server, when the dump is handed over.
          if (random.chance(0.5)) await turns();
        }
      })();
      let fed = 0;
      const feedSome = (): void => {
        const count = random.between(1, 5);
        feed.push(count);
        fed += count;
      };
      for (let round = random.between(0, 6); round > 0; round -= 1) {
        feedSome();
        if (random.chance(0.7)) await turns();
      }
      const released = random.between(0, Math.max(0, read.length));
      kept.release(place(released));
      const from = random.between(released, Math.max(released, read.length));
      expect(kept.has(place(from))).toBe(true);
      const rest: number[] = [];
      const events = kept.handOver(place(from));
      if (random.chance(0.5)) feedSome();
      const going = (async () => {
        for await (const batch of events) {
          rest.push(...numbersOf(batch));
          if (random.chance(0.3)) await turns();
          if (rest.at(-1) === 39) return;
        }
      })();
      while (fed < 40) {
        const count = Math.min(random.between(1, 5), 40 - fed);
        feed.push(count);
        fed += count;
        if (random.chance(0.5)) await turns();
      }
      await going;
      await reading;
      expect(rest).toEqual(Array.from({ length: fed - from }, (_, index) => from + index));
      expect(feed.isClosed).toBe(true);
    }
  });

  test('an error reaches whoever goes on, behind what came before it', async () => {
    const feed = new Feed();
    const kept = new KeptDump(feed.dump(), place(0), 'db1');
    const reader = kept.read();
    feed.push(2);
    await reader.next();
    const end = expect(reader.next()).rejects.toThrow('broken');
    await turns();
    const events = kept.handOver(place(1));
    feed.fail(new Error('broken'));
    await end;
    expect(numbersOf((await events.next()).value as EventBatch)).toEqual([1]);
    await expect(events.next()).rejects.toThrow('broken');
  });

  test('the format description comes first, although it was dropped', async () => {
    const feed = new Feed();
    const kept = new KeptDump(feed.dump(), place(0), 'db1');
    const reader = kept.read();
    feed.format();
    feed.push(3);
    await reader.next();
    await reader.next();
    kept.release(place(3));
    const events = kept.handOver(place(3));
    const first = (await events.next()).value as EventBatch;
    const types: number[] = [];
    first.forEach((buffer, start, _end, at) => {
      types.push(eventType(buffer, start));
      expect(at).toEqual({ ...{ file, start: 34, end: 34 }, xid: null });
    });
    expect(types).toEqual([EventType.formatDescription]);
    expect(first.end).toEqual(place(3));
    await kept.close();
  });

  test('what was forgotten can’t be had, and what comes after it can', async () => {
    const feed = new Feed();
    const kept = new KeptDump(feed.dump(), place(0), 'db1');
    const reader = kept.read();
    feed.push(3);
    await reader.next();
    expect(kept.keptBytes).toBe(30);
    kept.forget();
    expect(kept.keptBytes).toBe(0);
    feed.push(1);
    await reader.next();
    expect(kept.has(place(4))).toBe(false);
    kept.keepAgain();
    feed.push(2);
    await reader.next();
    expect([kept.has(place(3)), kept.has(place(4)), kept.has(place(6)), kept.has(place(7))]).toEqual([
      ...[false, true, true, false],
    ]);
    await kept.close();
  });
});
