import type { Coordinates } from '../binlog/coordinates.js';
import type { Trail } from '../matching/trail.js';
import type { HolderNote } from './holder-note.js';

/** Which layouts a checkpoint belongs to: of which life of an agent, and behind how many statements. */
export type LayoutsMark = { readonly id: string; readonly version: number };

/** Where a sink stands in what it has written: anything that JSON can carry; only the sink itself reads it. */
export type SinkPosition = Readonly<Record<string, string | number>>;

/** Which server, and which life of it: the same address may be another server tomorrow. */
export type ServerIdentity = {
  readonly host: string;
  readonly port: number;
  readonly serverId: number;
  /** MySQL's server_uuid, MariaDB's server_uid; '' when the server has neither. */
  readonly uuid: string;
};

/** All that an agent must know to go on: one versioned record per stream. */
export type Checkpoint = {
  readonly stream: string;
  /** Only grows: a record with an older token than the stored one is refused. 0 without an election. */
  readonly fencingToken: number;
  readonly server: ServerIdentity;
  /** Whether the trail stands in the order of the source. */
  readonly keepsOrder: boolean;
  /** Right behind the last delivered transaction. */
  readonly coordinates: Coordinates;
  /** Transactions since the last hint. */
  readonly sequence: number;
  /** That hint's token, where it may be another than the trail's last: see TrailKeeper.restore. */
  readonly numberedFrom: string | null;
  readonly trail: Trail;
  /** Executed GTID set or position, where the server has one. */
  readonly gtidSet: string | null;
  readonly sink: SinkPosition | null;
  /** The proved layouts that hold there; null where none are kept. */
  readonly layouts: LayoutsMark | null;
  /** Milliseconds since 1970. */
  readonly savedAt: number;
};

/** A stored checkpoint and the version that the next write must name. */
export type StoredCheckpoint = { readonly checkpoint: Checkpoint; readonly version: string };

/**
 * Keeps the record of one stream. Writes are compare-and-set.
 * Errors: `checkpoint-damaged` (unreadable or unknown format), `checkpoint-foreign` (another stream's),
 * `checkpoint-conflict` (somebody else wrote in between), `checkpoint-store` (the store can't be reached or refuses).
 */
export interface CheckpointStore {
  /** Human-readable place of the record, for messages. */
  readonly location: string;
  /** Of the record that was written last: how many of the trail's oldest entries it had no room for. */
  readonly droppedEntries: number;
  open(signal: AbortSignal): Promise<void>;
  load(signal: AbortSignal): Promise<StoredCheckpoint | null>;
  /**
   * Writes if the stored version is `expected` (null: there must be none yet) and gives the new version.
   * Rejects with `checkpoint-store` when the store is away: the caller goes on and tries again later.
   */
  save(checkpoint: Checkpoint, expected: string | null, signal: AbortSignal): Promise<string>;
  /** The place of the proved layouts' record, for messages. */
  readonly layoutsLocation: string;
  /** The record of the proved layouts (see layouts-record.ts); null where there is none. */
  loadLayouts(signal: AbortSignal): Promise<Buffer | null>;
  /**
   * Replaces it. It is written before the checkpoint that names it; whether the two belong together they say themselves.
   * Errors as in `save`.
   */
  saveLayouts(record: Buffer, fencingToken: number, signal: AbortSignal): Promise<void>;
  /** Who works with the record, where it can be reached from elsewhere; null: a lock of the store's own guards it. */
  readonly holderNote: HolderNote | null;
  close(): Promise<void>;
}
