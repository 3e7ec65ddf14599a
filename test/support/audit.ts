import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { createGunzip } from 'node:zlib';
import type { Row } from './change.js';

/** A line of an audit file, as its reader may rely on it. */
export type AuditRecord = {
  readonly id: string;
  readonly type: 'row' | 'ddl' | 'xa' | 'gap';
  readonly op?: 'insert' | 'update' | 'delete';
  /** Of rows and statements. */
  readonly schema: string;
  readonly table?: string;
  readonly before?: Row;
  readonly after?: Row;
  readonly sql?: string;
  /** What the columns are isn't proved: MariaDB's JSON stands as text. */
  readonly proved?: false;
  /** Of the outcome of a prepared XA transaction: which one, and what became of it. */
  readonly xid?: string;
  readonly outcome?: 'commit' | 'rollback';
  readonly ts: string;
  readonly tx: {
    readonly hint: string | null;
    readonly seq: number;
    readonly row: number;
    readonly gtid?: string;
    readonly xa?: string;
    readonly last?: true;
    readonly rows?: number;
    readonly digest?: string;
  };
  readonly source: {
    readonly server: string;
    readonly serverId: number;
    readonly file: string;
    readonly position: number;
  };
};

/** The records of a file, in order. A line that isn't one is an error that names it. */
export async function* readAudit(path: string): AsyncGenerator<AuditRecord> {
  const file = createReadStream(path);
  const input = path.endsWith('.gz') ? file.pipe(createGunzip()) : file;
  const lines = createInterface({ input, crlfDelay: Infinity });
  let number = 0;
  for await (const line of lines) {
    number += 1;
    try {
      yield JSON.parse(line) as AuditRecord;
    } catch {
      throw new Error(`line ${number} of the audit is no JSON document: ${line.slice(0, 300)}`);
    }
  }
}

/** Follows a file that is being written: how many lines have come, and whether a text is among them. */
export class AuditFollower {
  #path: string;
  #offset = 0;
  #lines = 0;
  #tail = '';
  /** Of the file that was read last: by its name there may be another one by now. */
  #inode: number | null = null;
  readonly #expected = new Set<string>();

  constructor(path: string) {
    this.#path = path;
  }

  /** Begins anew: whoever writes the file may have cut it. */
  restart(): void {
    this.#offset = 0;
    this.#lines = 0;
    this.#tail = '';
  }

  /** The file has another name now. */
  renamed(path: string): void {
    this.#path = path;
  }

  /** Complete lines so far. */
  async lines(): Promise<number> {
    await this.#read();
    return this.#lines;
  }

  /** Whether the newest lines hold the text. Asked often enough, none is missed. */
  async holds(text: string): Promise<boolean> {
    await this.#read();
    return this.#tail.includes(text);
  }

  /** Waits for a text that isn't there yet: what it gives says whether it has come, however much has come since. */
  expect(text: string): () => Promise<boolean> {
    this.#expected.add(text);
    return async () => {
      await this.#read();
      return !this.#expected.has(text);
    };
  }

  async #read(): Promise<void> {
    const file = await open(this.#path).catch(() => null);
    if (file === null) return;
    try {
      // What is written meanwhile is for the next time: one who writes as fast as we read would keep us here.
      const { size, ino } = await file.stat();
      if (this.#inode !== null && this.#inode !== ino) this.#offset = 0;
      this.#inode = ino;
      if (size < this.#offset) this.restart();
      const buffer = Buffer.allocUnsafe(1024 * 1024);
      while (this.#offset < size) {
        const wanted = Math.min(buffer.length, size - this.#offset);
        const { bytesRead } = await file.read(buffer, 0, wanted, this.#offset);
        if (bytesRead === 0) return;
        this.#offset += bytesRead;
        const bytes = buffer.subarray(0, bytesRead);
        for (let at = bytes.indexOf(10); at >= 0; at = bytes.indexOf(10, at + 1)) this.#lines += 1;
        this.#tail = (this.#tail + bytes.toString('latin1')).slice(-2 * buffer.length);
        for (const text of this.#expected) if (this.#tail.includes(text)) this.#expected.delete(text);
      }
    } finally {
      await file.close();
    }
  }
}
