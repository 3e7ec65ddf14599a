import { type FileHandle, open, readFile } from 'node:fs/promises';
import type { AuditedRow } from './judge.js';

/** Counts the records in an audit file while the agent writes it. */
export class AuditCounter {
  readonly #path: string;
  #file: FileHandle | null = null;
  #offset = 0;
  #lines = 0;

  constructor(path: string) {
    this.#path = path;
  }

  /** Whole lines so far. */
  async count(): Promise<number> {
    this.#file ??= await open(this.#path, 'r').catch(() => null);
    if (this.#file === null) return 0;
    const buffer = Buffer.alloc(256 * 1024);
    for (;;) {
      const { bytesRead } = await this.#file.read(buffer, 0, buffer.length, this.#offset);
      if (bytesRead === 0) return this.#lines;
      this.#offset += bytesRead;
      for (let at = buffer.indexOf(10); at !== -1 && at < bytesRead; at = buffer.indexOf(10, at + 1)) {
        this.#lines += 1;
      }
    }
  }

  async close(): Promise<void> {
    await this.#file?.close();
    this.#file = null;
  }
}

/** The row records of an audit file. */
export async function readAudit(path: string): Promise<AuditedRow[]> {
  const lines = (await readFile(path, 'utf8')).split('\n').filter((line) => line !== '');
  return lines
    .map((line) => JSON.parse(line) as { type: string } & AuditedRow)
    .filter(({ type }) => type === 'row');
}
