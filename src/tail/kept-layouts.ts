import type { Logger } from 'pino';
import type { CheckpointStore } from '../checkpoint/checkpoint.js';
import { decodeLayouts, encodeLayouts, type StoredLayouts } from '../checkpoint/layouts-record.js';
import type { LayoutsReference } from '../checkpoint/checkpoint.js';
import { ProvedLayouts } from '../layouts/proved-layouts.js';
import { randomHex } from '../util/random.js';

/** A record that is to be written, and of what. */
export type UnsavedLayouts = { readonly record: Buffer; readonly revision: number };

/**
 * The proved layouts of a stream, as they are kept with its checkpoint: a record of their own, written before the first
 * checkpoint that speaks of what has changed in it. It holds what was before each statement as well, back to the last
 * checkpoint, because an agent may die between the two writes.
 *
 * Each agent that leads the stream gives them a name of its own. A record that an earlier one wrote late belongs to no
 * checkpoint of a later one, and counts for nothing.
 */
export class KeptLayouts {
  readonly layouts = new ProvedLayouts();
  readonly #id = randomHex(8);
  readonly #stream: string;
  #parent: LayoutsReference | null = null;
  /** Of what was written last; no revision before that. */
  #savedRevision = -1;

  constructor(stream: string) {
    this.#stream = stream;
  }

  /**
   * Takes over what belongs to a checkpoint.
   * @throws WaymarkError `checkpoint-damaged`, `checkpoint-foreign`, and what the store throws.
   */
  async load(
    store: CheckpointStore,
    mark: LayoutsReference | null,
    logger: Logger,
    signal: AbortSignal,
  ): Promise<void> {
    if (mark === null) return;
    const record = await store.loadLayouts(signal);
    const origin = { stream: this.#stream, location: store.layoutsLocation };
    const stored = record && decodeLayouts(record, origin);
    if (stored === null || !belongsTo(stored, mark)) {
      logger.warn(
        { event: 'layouts.lost', location: store.layoutsLocation },
        `The layouts of tables at ${store.layoutsLocation} don't belong to the checkpoint: tables are looked up again`,
      );
      return;
    }
    this.layouts.restore(stored);
    this.layouts.rewind(mark.version);
    this.layouts.isNeeded = true;
    this.#parent = mark;
  }

  /** What a checkpoint says, behind so many statements. */
  mark(version: number): LayoutsReference | null {
    return this.layouts.isNeeded ? { id: this.#id, version } : null;
  }

  /** What must be written before a checkpoint is; null where nothing has changed. */
  unsaved(): UnsavedLayouts | null {
    const { layouts } = this;
    const { revision } = layouts;
    if (!layouts.isNeeded || revision === this.#savedRevision) return null;
    return { record: encodeLayouts(this.#stream, this.#id, this.#parent, layouts), revision };
  }

  /** It has been written. */
  written({ revision }: UnsavedLayouts): void {
    this.#savedRevision = revision;
  }

  /** A checkpoint that says so has been written: nothing before it is gone back to. */
  saved({ id, version }: LayoutsReference): void {
    if (id !== this.#id) return;
    this.#parent = null;
    this.layouts.settle(version);
  }
}

function belongsTo({ id, parent, version }: StoredLayouts, mark: LayoutsReference): boolean {
  if (id === mark.id) return mark.version <= version;
  return parent?.id === mark.id && parent.version === mark.version;
}
