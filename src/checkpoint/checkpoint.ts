import type { Coordinates } from '../binlog/coordinates.js';
import type { AnchorKind, Trail } from '../matching/trail.js';
import type { HolderNote } from './holder-note.js';

/**
 * Which layouts a checkpoint needs: `id` names a life of an agent, `version` counts the statements that
 * changed layouts.
 */
export type LayoutsReference = { readonly id: string; readonly version: number };

/** A sink's position in its output. It holds what JSON can carry, and only the sink reads it. */
export type SinkPosition = Readonly<Record<string, string | number>>;

/** Which server it is. Tomorrow another server may have the same address. */
export type ServerIdentity = {
  readonly host: string;
  readonly port: number;
  readonly serverId: number;
  /** MySQL's server_uuid or MariaDB's server_uid. Empty if the server has neither. */
  readonly uuid: string;
};

/** Everything that an agent needs to go on. There is one versioned record per stream. */
export type Checkpoint = {
  readonly stream: string;
  /** Only grows: a record with an older token than the stored one is refused. 0 without an election. */
  readonly fencingToken: number;
  readonly server: ServerIdentity;
  /** Whether the trail is in the source's commit order. */
  readonly keepsOrder: boolean;
  /** Right after the last delivered transaction. */
  readonly coordinates: Coordinates;
  /** Transactions since the last hint. */
  readonly sequence: number;
  /** The token of that hint, in case it isn't the trail's last (see TrailKeeper.restore). */
  readonly numberedFrom: string | null;
  readonly trail: Trail;
  /** What anchors the stream. */
  readonly anchors: AnchorKind;
  /** Everything that was delivered, by GTID (see GtidState). Null if GTIDs don't anchor the stream. */
  readonly gtidSet: string | null;
  readonly sink: SinkPosition | null;
  /** The proved layouts at these coordinates. Null if none are kept. */
  readonly layouts: LayoutsReference | null;
  /** Milliseconds since 1970. */
  readonly savedAt: number;
};

/** A stored checkpoint, and the version that the next write must name. */
export type StoredCheckpoint = { readonly checkpoint: Checkpoint; readonly version: string };

/**
 * Stores the record of one stream. Writes are compare-and-set.
 *
 * Errors: `checkpoint-damaged` (unreadable, or an unknown format), `checkpoint-foreign` (another stream's),
 * `checkpoint-conflict` (somebody else has written meanwhile), `checkpoint-store` (the store can't be
 * reached, or refuses).
 */
export interface CheckpointStore {
  /** The place of the record, for messages. */
  readonly location: string;
  /** How many of the trail's oldest entries didn't fit into the last record that was written. */
  readonly droppedEntries: number;
  open(signal: AbortSignal): Promise<void>;
  load(signal: AbortSignal): Promise<StoredCheckpoint | null>;
  /**
   * Writes if the stored version is `expected`, and returns the new version. Null: no record must exist yet.
   *
   * Rejects with `checkpoint-store` if the store can't be reached. The caller goes on and tries again later.
   */
  save(checkpoint: Checkpoint, expected: string | null, signal: AbortSignal): Promise<string>;
  /** The place of the proved layouts' record, for messages. */
  readonly layoutsLocation: string;
  /** Loads the record of the proved layouts (see layouts-record.ts). Null if there is none. */
  loadLayouts(signal: AbortSignal): Promise<Buffer | null>;
  /**
   * Replaces the record of the proved layouts. Call it before saving the checkpoint that refers to it. The
   * two records themselves say whether they match. Errors as in `save`.
   *
   * The late record of an earlier leader is refused at the latest when a later one has claimed the checkpoint and
   * written its own layouts. Before that it does no harm: it has the layouts of the claimed checkpoint.
   */
  saveLayouts(record: Buffer, fencingToken: number, signal: AbortSignal): Promise<void>;
  /**
   * Says which process uses the record, if several machines can reach it. Null: the store has a lock of its
   * own.
   */
  readonly holderNote: HolderNote | null;
  close(): Promise<void>;
}
