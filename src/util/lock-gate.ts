import { runtime } from '../runtime/runtime.js';
import { hasSystemCode } from './errors.js';

/**
 * What the holder of a lock passes through each time that it writes, and what somebody else can close for good: a file
 * whose name says how it stands. Renaming is atomic, also for a process that was frozen just before: either it is
 * inside, and nobody closes the gate behind it, or it finds the gate closed.
 */
export class LockGate {
  readonly #open: string;
  readonly #busy: string;
  readonly #seized: string;
  readonly #taken: string;

  private constructor(path: string, nonce: string) {
    this.#open = `${path}.${nonce}.open`;
    this.#busy = `${path}.${nonce}.busy`;
    this.#seized = `${path}.${nonce}.seized`;
    this.#taken = `${path}.${nonce}.taken`;
  }

  /** A new gate for a lock of ours, open. */
  static async create(path: string, nonce: string): Promise<LockGate> {
    const gate = new LockGate(path, nonce);
    await runtime().disk.writeNewFile(gate.#open, '', 0o600);
    return gate;
  }

  /** The gate of somebody else's lock. */
  static of(path: string, nonce: string): LockGate {
    return new LockGate(path, nonce);
  }

  /** The holder goes in; false when the gate has been closed. */
  enter(): Promise<boolean> {
    return moved(this.#open, this.#busy);
  }

  /** The holder comes out. */
  async leave(): Promise<void> {
    await moved(this.#busy, this.#open);
  }

  /** Closes it for good; false while the holder is inside. */
  async take(): Promise<boolean> {
    if (await moved(this.#open, this.#taken)) return true;
    // Not: whether it is missing elsewhere. Between two looks the holder may have come out.
    return exists(this.#taken);
  }

  /** Closes it behind the holder: he comes out, and never in again. False when he isn't inside any more. */
  async seize(): Promise<boolean> {
    return (await moved(this.#busy, this.#seized)) || exists(this.#seized);
  }

  /** Whether the holder is inside. */
  isBusy(): Promise<boolean> {
    return exists(this.#busy);
  }

  /** What the holder does inside reaches nothing of ours any more. */
  async seized(): Promise<void> {
    await moved(this.#seized, this.#taken);
  }

  /** Nothing is left of it. */
  async remove(): Promise<void> {
    const { disk } = runtime();
    for (const path of [this.#open, this.#busy, this.#seized, this.#taken])
      await disk.unlink(path).catch(() => undefined);
  }
}

async function moved(from: string, to: string): Promise<boolean> {
  try {
    await runtime().disk.rename(from, to);
    return true;
  } catch (error) {
    if (hasSystemCode(error, 'ENOENT')) return false;
    throw error;
  }
}

async function exists(path: string): Promise<boolean> {
  const { disk } = runtime();
  return disk.status(path).then(
    () => true,
    () => false,
  );
}
