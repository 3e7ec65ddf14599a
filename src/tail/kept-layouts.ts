import type { Logger } from 'pino';
import type { CheckpointStore } from '../checkpoint/checkpoint.js';
import { decodeLayouts, encodeLayouts, type StoredLayouts } from '../checkpoint/layouts-record.js';
import type { LayoutsReference } from '../checkpoint/checkpoint.js';
import { ProvedLayouts } from '../layouts/proved-layouts.js';
import { randomHex } from '../util/random.js';

/** A record to write, and the revision of the layouts in it. */
export type UnsavedLayouts = { readonly record: Buffer; readonly revision: number };

/**
 * The proved layouts of a stream, as stored with its checkpoint. They have a record of their own. It is written before
 * the first checkpoint that refers to a change in it. An agent may die between the two writes. So the record also has
 * the layouts before each statement, back to the last checkpoint.
 *
 * Each agent that leads the stream gives its record a new id. If an earlier agent writes its record late, the store
 * refuses it once the later agent has written its own. Otherwise the earlier record would stand beside a checkpoint that
 * it doesn't belong to, and the layouts would be lost.
 */
export class KeptLayouts {
  readonly layouts = new ProvedLayouts();
  readonly #id = randomHex(8);
  readonly #stream: string;
  #parent: LayoutsReference | null = null;
  /** The revision that was written last. -1: none. */
  #savedRevision = -1;

  constructor(stream: string) {
    this.#stream = stream;
  }

  /**
   * Loads the layouts that belong to a checkpoint.
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

  /** Returns the reference to the layouts in a checkpoint. `version` counts the statements so far. */
  mark(version: number): LayoutsReference | null {
    return this.layouts.isNeeded ? { id: this.#id, version } : null;
  }

  /** Returns the record that must be written before a checkpoint. Null if nothing has changed. */
  unsaved(): UnsavedLayouts | null {
    const { layouts } = this;
    const { revision } = layouts;
    if (!layouts.isNeeded || revision === this.#savedRevision) return null;
    return { record: encodeLayouts(this.#stream, this.#id, this.#parent, layouts), revision };
  }

  /** The record has been written. */
  written({ revision }: UnsavedLayouts): void {
    this.#savedRevision = revision;
  }

  /** A checkpoint with this mark has been saved. Layouts before it are no longer needed. */
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
