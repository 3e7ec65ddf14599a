import { execFile } from 'node:child_process';
import { mkdir, statfs } from 'node:fs/promises';
import { promisify } from 'node:util';
import { acquit, entrust } from '../servers/reaper.js';
import { messageOf, until } from '../servers/wait.js';

const run = promisify(execFile);

/** More than an audit of half an hour takes. Only what is written takes memory. */
const sizeBytes = 4 * 1024 ** 3;

/** So much more than what is written already fits on a disk that is about to be full. */
const restBytes = 64 * 1024;

/** A disk of its own for the audit, which can be full: a file system in memory. */
export class Disk {
  readonly folder: string;

  private constructor(folder: string) {
    this.folder = folder;
  }

  /** Mounts one on a new folder; a text says why that can't be done here. */
  static async mount(folder: string): Promise<Disk | string> {
    await mkdir(folder);
    try {
      await run('mount', ['-t', 'tmpfs', '-o', `size=${sizeBytes}`, 'waymark-soak', folder], {
        timeout: 10_000,
      });
    } catch (error) {
      return `no file system can be mounted here (${messageOf(error).trim().split('\n').at(-1) ?? ''})`;
    }
    entrust('mount', folder);
    return new Disk(folder);
  }

  /** Leaves next to no room. */
  async fill(): Promise<void> {
    // While somebody writes, what is taken grows, and a size below it is refused.
    const isFull = async (): Promise<boolean> => {
      const { blocks, bfree, bsize } = await statfs(this.folder);
      return this.#resize((blocks - bfree) * bsize + restBytes).then(
        () => true,
        () => false,
      );
    };
    await until('the disk is full', isFull);
  }

  /** Gives all the room back. */
  async clear(): Promise<void> {
    await this.#resize(sizeBytes);
  }

  async unmount(): Promise<void> {
    await run('umount', ['--lazy', this.folder], { timeout: 10_000 });
    acquit('mount', this.folder);
  }

  async #resize(bytes: number): Promise<void> {
    await run('mount', ['-o', `remount,size=${bytes}`, this.folder], { timeout: 10_000 });
  }
}
