import { basename, dirname, join } from 'node:path';
import { z } from 'zod';

import { runtime } from '../runtime/runtime.js';
import { renameDurably, writeSynced } from '../util/durable.js';
import { WaymarkError } from '../util/errors.js';
import { randomHex } from '../util/random.js';
import { type HeldTransactions, nothingHeld } from './held-transactions.js';

/**
 * What the files before the present one held, stored beside it as `PATH.position`. A checkpoint from before a
 * rotation names a place in an older file, which may be compressed by now.
 */
export type FileNote = {
  /** The number of the present file, from 1. */
  readonly file: number;
  /** The identity of that file. */
  readonly device: string;
  readonly inode: string;
  /** The last transactions of the files before it: at least those after the last saved checkpoint. */
  readonly earlier: HeldTransactions;
};

const version = 1;
const count = z.int().min(0);
const place = z.object({ file: count, transactionStart: count });
const form = z.object({
  version: z.literal(version),
  file: count,
  device: z.string(),
  inode: z.string(),
  earlier: z.object({
    since: place.nullable(),
    transactions: z.array(
      z.object({
        ...place.shape,
        hint: z.string().nullable(),
        sequence: count,
        gtid: z.string().nullable(),
        // Streams that go by GTIDs came later than the note.
        byGtid: z.boolean().default(false),
        second: z.int(),
        digest: z
          .string()
          .regex(/^[0-9a-f]{1,16}$/)
          .transform((digits) => BigInt(`0x${digits}`)),
      }),
    ),
    last: z
      .object({
        hint: z.string().nullable(),
        sequence: count,
        source: z.object({ server: z.string(), serverId: count, file: z.string(), position: count }),
        isGap: z.boolean(),
      })
      .nullable(),
    hasGap: z.boolean(),
    fromOneServer: z.boolean(),
  }),
});

/**
 * The notes beside a file. Each leadership writes under its own name. So an earlier leader that was frozen
 * right before the rename can't put its note in place of ours.
 */
export class FileNotes {
  readonly #folder: string;
  readonly #base: string;
  readonly #token: number;

  /**
   * @param path the path of the audit file.
   * @param token the leadership's token. 0 without an election.
   */
  constructor(path: string, token: number) {
    this.#folder = dirname(path);
    this.#base = `${basename(path)}.position`;
    this.#token = token;
  }

  /**
   * Reads the note of the latest leadership. Null if there is none.
   * @throws WaymarkError `sink` if it can't be read.
   */
  async read(): Promise<FileNote | null> {
    const latest = (await this.#names()).toSorted((a, b) => this.#tokenOf(b) - this.#tokenOf(a))[0];
    if (latest === undefined) return null;
    const path = join(this.#folder, latest);
    return decode(String(await runtime().disk.readFile(path)), path);
  }

  /** Writes the note durably. */
  async write(note: FileNote): Promise<void> {
    const path = join(this.#folder, this.#token === 0 ? this.#base : `${this.#base}-${String(this.#token)}`);
    const draft = `${path}.${randomHex(6)}.tmp`;
    const { disk } = runtime();
    try {
      await writeSynced(draft, encode(note));
      await renameDurably(draft, path);
    } catch (error) {
      await disk.unlink(draft).catch(() => undefined);
      throw error;
    }
  }

  /** Removes the notes of earlier leaderships. */
  async removeOthers(): Promise<void> {
    const names = await this.#names();
    const others = names.filter((name) => this.#tokenOf(name) !== this.#token);
    const { disk } = runtime();
    await Promise.all(others.map((name) => disk.unlink(join(this.#folder, name))));
  }

  async #names(): Promise<string[]> {
    const names = (await runtime().disk.list(this.#folder)).map(({ name }) => name);
    return names.filter((name) => name === this.#base || this.#tokenOf(name) > 0);
  }

  #tokenOf(name: string): number {
    if (!name.startsWith(`${this.#base}-`)) return 0;
    const digits = name.slice(this.#base.length + 1);
    return /^\d+$/.test(digits) ? Number(digits) : 0;
  }
}

/** Returns the note of a first file. */
export function firstNote(file: { readonly device: string; readonly inode: string }): FileNote {
  return { file: 1, device: file.device, inode: file.inode, earlier: nothingHeld };
}

function encode(note: FileNote): string {
  const replacer = (_key: string, value: unknown): unknown =>
    typeof value === 'bigint' ? value.toString(16) : value;
  return JSON.stringify({ version, ...note }, replacer);
}

function decode(text: string, path: string): FileNote {
  const refuse = (why: string): WaymarkError =>
    new WaymarkError(
      'sink',
      `${path} can't be read (${why}). Restore it. Or remove it together with the checkpoint: then the stream goes on ` +
        'where the audit file ends',
      { details: { path } },
    );
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw refuse('it is not a JSON document');
  }
  const { data, error } = form.safeParse(value);
  if (data === undefined) throw refuse(error.issues[0]?.message ?? 'unknown form');
  const { file, device, inode, earlier } = data;
  return { file, device, inode, earlier };
}
