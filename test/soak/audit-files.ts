import { copyFile, rename, stat, truncate } from 'node:fs/promises';
import { until } from '../servers/wait.js';
import { AuditFollower, type AuditRecord, readAudit } from '../support/audit.js';

/** The audit as its readers have it: the file that is written, and those that it was before. */
export class AuditFiles {
  /** The file that the agent writes. */
  readonly path: string;
  /** Renamed ones, oldest first. */
  readonly #earlier: string[] = [];
  readonly #folder: string;
  readonly #follower: AuditFollower;

  /** @param folder where renamed files go: on the same file system */
  constructor(path: string, folder: string) {
    this.path = path;
    this.#folder = folder;
    this.#follower = new AuditFollower(path);
  }

  get all(): readonly string[] {
    return [...this.#earlier, this.path];
  }

  /** Waits for a text that isn't there yet: what it gives says whether it has come. */
  expect(text: string): () => Promise<boolean> {
    return this.#follower.expect(text);
  }

  /** Bytes of the newest file. */
  async size(): Promise<number> {
    return (await stat(this.path)).size;
  }

  /** Renames it, as logrotate does. */
  async rename(): Promise<void> {
    const name = `${this.#folder}/audit.${this.#earlier.length + 1}.ndjson`;
    await rename(this.path, name);
    this.#earlier.push(name);
    this.#follower.renamed(name);
  }

  /** Resolves when the agent goes on in a new file. */
  async begun(): Promise<void> {
    const isThere = (): Promise<boolean> =>
      stat(this.path).then(
        () => true,
        () => false,
      );
    await until('the agent goes on in a new audit file', isThere, { timeoutMs: 150_000 });
    // To the end of the old one, which nobody writes any more.
    await this.#follower.lines();
    this.#follower.renamed(this.path);
    this.#follower.restart();
  }

  /** Copies it, and then cuts it to so much of its length; to be called when nobody writes it. */
  async truncate(fraction: number): Promise<void> {
    await copyFile(this.path, this.#copy);
    await truncate(this.path, Math.floor((await this.size()) * fraction));
  }

  /** Puts back what was copied; to be called when nobody has it open. */
  async putBack(): Promise<void> {
    await copyFile(this.#copy, this.path);
    this.#follower.restart();
  }

  async *records(): AsyncGenerator<AuditRecord> {
    for (const path of this.all) yield* readAudit(path);
  }

  get #copy(): string {
    return `${this.#folder}/audit.copy.ndjson`;
  }
}
