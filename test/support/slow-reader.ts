import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import type { Readable } from 'node:stream';
import { setTimeout as pause } from 'node:timers/promises';

/** Takes 64 KiB at a time, with a rest after each, and writes what it takes to a file. */
export class SlowReader {
  /** Milliseconds; 0: as fast as it can. */
  restMs = 0;
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  readonly read = (stdout: Readable): void => {
    void this.#read(stdout);
  };

  async #read(stdout: Readable): Promise<void> {
    const file = createWriteStream(this.#path, { flags: 'a' });
    for await (const chunk of stdout) {
      if (!file.write(chunk)) await once(file, 'drain');
      if (this.restMs > 0) await pause(this.restMs);
    }
    file.end();
  }
}
