import { batchOfLines, type RecordBatch } from '../../../src/records/record-batch.js';
import type { Sink } from '../../../src/sinks/sink.js';
import type { Fencing } from '../../../src/util/fencing.js';
import { WaymarkError } from '../../../src/util/errors.js';
import type { Draws } from './draws.js';
import type { SimulatedProcess } from './process.js';
import type { World } from './world.js';

/** How long a message takes, each way: milliseconds, on average. */
const meanDelayMs = 2;

/**
 * A consumer somewhere else. It takes what agents send it, and doesn't tell them what it holds: the sink to it remembers
 * nothing. It knows a record again by its id, and takes nothing from an agent that leads no longer.
 */
export class Consumer {
  readonly #world: World;
  readonly #draws: Draws;
  /** The lines that it holds, by their ids, in the order in which they came first. */
  readonly #lines = new Map<string, Buffer>();
  #token = 0;
  /** So many milliseconds more before it answers. */
  slowMs = 0;
  /** The part of its answers that is lost: it has taken the batch, and its sink says that it failed. */
  lostAnswers = 0;

  constructor(world: World) {
    this.#world = world;
    this.#draws = world.draws.fork('consumer');
  }

  /** All lines that it holds, each once. */
  get content(): Buffer {
    return Buffer.concat([...this.#lines.values()]);
  }

  /** The sink of an agent's process. */
  sink(process: SimulatedProcess): Sink {
    return {
      open: async (_acknowledged, _signal, fencing) => {
        await this.#ask(process, 'opens', () => {
          this.#admit(fencing);
        });
        return { remembers: false, delivered: [], endsBetweenTransactions: false };
      },
      deliver: async (batch, _signal, fencing) => {
        const lines = splitLines(batch);
        await this.#ask(process, 'delivers', () => {
          this.#admit(fencing);
          for (const [id, line] of lines) if (!this.#lines.has(id)) this.#lines.set(id, line);
        });
      },
      flush: () => Promise.resolve(null),
      close: () => Promise.resolve(),
    };
  }

  /** Sends a message, has it carried out there, and waits for the answer. Once sent it arrives, whatever becomes of the sender. */
  #ask(process: SimulatedProcess, what: string, carryOut: () => void): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#world.after(this.#draws.exponential(meanDelayMs), `consumer: an agent ${what}`, () => {
        let refusal: Error | null = null;
        try {
          carryOut();
          if (this.#draws.chance(this.lostAnswers)) refusal = new Error('no answer came');
        } catch (error) {
          refusal = error instanceof Error ? error : new Error(String(error));
        }
        const delayMs = this.slowMs + this.#draws.exponential(meanDelayMs);
        process.after(delayMs, 'arrival', 'the consumer answers', () => {
          if (refusal === null) resolve();
          else reject(refusal);
        });
      });
    });
  }

  /** @throws WaymarkError `sink` for an agent whose successor was here before. */
  #admit(fencing: Fencing | undefined): void {
    const token = fencing?.token ?? 0;
    if (token < this.#token) throw new WaymarkError('sink', 'another agent has taken over');
    this.#token = token;
  }
}

/** Each line, by its record's id, copied: the batch's memory is used again. */
function splitLines({ lines, count, transactions, lastEnd }: RecordBatch): [string, Buffer][] {
  const copy = Buffer.from(lines);
  const { records } = batchOfLines({ lines: copy, count, transactions, lastEnd, inexact: false });
  let start = 0;
  return records.map(({ id }) => {
    const end = copy.indexOf(0x0a, start) + 1;
    const line = copy.subarray(start, end);
    start = end;
    return [id, line];
  });
}
