import { runtime } from '../runtime/runtime.js';
import { hasSystemCode } from './errors.js';

/**
 * The gate of a lock. The holder passes through it for each write, and another process can close it for good. The gate
 * is a file, and its name is its state. Renaming is atomic, even for a process that was frozen just before. So the
 * holder is inside, and only {@link seize} closes the gate behind it, or it finds the gate closed.
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

  /** Creates an open gate for a lock of this process. */
  static async create(path: string, nonce: string): Promise<LockGate> {
    const gate = new LockGate(path, nonce);
    await runtime().disk.writeNewFile(gate.#open, '', 0o600);
    return gate;
  }

  /** Returns the gate of another process's lock. */
  static of(path: string, nonce: string): LockGate {
    return new LockGate(path, nonce);
  }

  /** Lets the holder in. False if the gate has been closed. */
  enter(): Promise<boolean> {
    return moved(this.#open, this.#busy);
  }

  /** Lets the holder out. */
  async leave(): Promise<void> {
    await moved(this.#busy, this.#open);
  }

  /** Closes the gate for good. False while the holder is inside. */
  async take(): Promise<boolean> {
    if (await moved(this.#open, this.#taken)) return true;
    // A look at the other names would not do: the holder may come out between two looks.
    return exists(this.#taken);
  }

  /**
   * Closes the gate behind a holder that is inside: it can come out, but never go in again. False if it isn't inside.
   */
  async seize(): Promise<boolean> {
    return (await moved(this.#busy, this.#seized)) || exists(this.#seized);
  }

  /** Whether the holder is inside. */
  isBusy(): Promise<boolean> {
    return exists(this.#busy);
  }

  /** Marks a seized gate as taken: what the holder still writes can't reach the protected file any more. */
  async seized(): Promise<void> {
    await moved(this.#seized, this.#taken);
  }

  /** Removes all files of the gate. */
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
