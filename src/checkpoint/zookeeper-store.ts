import {
  type ZooKeeperAddress,
  normalizeZnodePath,
  parseZooKeeperAddress,
} from '../config/zookeeper-address.js';
import { type WaymarkError, messageOf } from '../util/errors.js';
import { TimeOver, within } from '../util/limits.js';
import type { SharedHandle } from '../util/shared.js';
import { isOfZooKeeper, unusableStoreError } from '../zookeeper/zookeeper-error.js';
import { shareSession } from '../zookeeper/shared-session.js';
import type { ZnodeVersion, ZooKeeperClient } from '../zookeeper/zookeeper-client.js';
import type { ZooKeeperAuth, ZooKeeperLogger, ZooKeeperSession } from '../zookeeper/zookeeper-session.js';

import type { Checkpoint, CheckpointStore, StoredCheckpoint } from './checkpoint.js';
import { decodeCheckpoint, encodeCheckpoint } from './codec.js';
import { conflictError } from './conflict.js';
import { HolderZnode } from './holder-znode.js';
import { Serial } from '../util/serial.js';
import { encodeStreamName } from './stream-name.js';
import { TokenGuard } from './token-guard.js';
import { UnsettledWrites } from './unsettled-writes.js';
import { ZnodeRecord } from './znode-record.js';

/** Where a ZooKeeper store keeps its record, and how long it waits. */
export type ZooKeeperStoreOptions = {
  /** `host:port,host:port,…`, with an optional `/path`. All paths are below it. */
  readonly connect: string;
  /** The path of the znode that all streams are below, for example `/waymark`. */
  readonly root: string;
  readonly stream: string;
  /** The session timeout, 10 s unless given. open() waits for as long. The servers limit it. */
  readonly sessionTimeoutMs?: number | undefined;
  /** Only this account may use the znodes. Without it, everybody who reaches ZooKeeper may. */
  readonly auth?: ZooKeeperAuth | undefined;
  readonly logger?: ZooKeeperLogger | undefined;
};

const defaultSessionTimeoutMs = 10_000;
/** The most time for a save, because tailing waits for it. */
const saveMs = 1_800;
const loadMs = 5_000;
/**
 * How often a save tries again: after it has found a lost write of its own, or a server that lagged. More
 * would be somebody else's writes.
 */
const maxRounds = 3;

/**
 * Stores the record in ZooKeeper.
 *
 * Layout: `ROOT/STREAM/checkpoint` is a persistent znode whose data are the record (at most 256 KiB;
 * ZooKeeper takes 1 MiB). STREAM is the stream's encoded name. Missing parents are created, empty. Beside
 * `checkpoint` are the stream's other nodes: `layouts` holds its proved layouts, `holder` says which process
 * uses the record.
 *
 * - The version is the znode's data version with its czxid. So a znode that was deleted and created again is
 *   a conflict.
 * - Layouts are refused if the checkpoint has a newer fencing token, and a later leader's layouts are never
 *   replaced.
 * - A lost connection or session is made again in the background. While there is none, `save` rejects at once
 *   with `checkpoint-store`, or after 1.8 s if the servers don't answer. It works again as soon as they are
 *   back.
 * - If the reply to a save was lost, the next save finds that the record is our own. So this is no conflict.
 * - `open` rejects with `checkpoint-store` and names the servers if it reaches none within the session
 *   timeout.
 * @throws WaymarkError `config` if `connect` or `root` is malformed.
 */
export function zookeeperStore(options: ZooKeeperStoreOptions): CheckpointStore {
  return new ZooKeeperStore(options);
}

class ZooKeeperStore implements CheckpointStore {
  readonly location: string;
  readonly layoutsLocation: string;
  droppedEntries = 0;
  readonly holderNote: HolderZnode;
  readonly #options: ZooKeeperStoreOptions;
  readonly #address: ZooKeeperAddress;
  readonly #path: string;
  readonly #layoutsPath: string;
  readonly #sessionTimeoutMs: number;
  readonly #serial = new Serial();
  readonly #tokens = new TokenGuard();
  readonly #unsettled = new UnsettledWrites();
  readonly #closing = new AbortController();
  #shared: SharedHandle<ZooKeeperSession> | null = null;

  constructor(options: ZooKeeperStoreOptions) {
    this.#options = options;
    this.#address = parseZooKeeperAddress(options.connect);
    const root = normalizeZnodePath(options.root);
    const parent = `${root === '/' ? '' : root}/${encodeStreamName(options.stream)}`;
    this.#path = `${parent}/checkpoint`;
    this.#layoutsPath = `${parent}/layouts`;
    this.#sessionTimeoutMs = options.sessionTimeoutMs ?? defaultSessionTimeoutMs;
    this.location = `zookeeper://${options.connect}${this.#path}`;
    this.layoutsLocation = `zookeeper://${options.connect}${this.#layoutsPath}`;
    this.holderNote = new HolderZnode(`${parent}/holder`, (signal, action) =>
      this.#onSession(loadMs, signal, action),
    );
  }

  async open(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#closing.signal.aborted) throw this.#away('it was closed');
    if (this.#shared !== null) return;
    const { auth = null, logger } = this.#options;
    const shared = shareSession({
      ...{ address: this.#address, auth, sessionTimeoutMs: this.#sessionTimeoutMs, logger },
    });
    const session = shared.value;
    this.#shared = shared;
    try {
      await within(this.#sessionTimeoutMs, [signal, this.#closing.signal], (limit) =>
        session.connected(limit),
      );
    } catch (error) {
      this.#shared = null;
      await shared.release();
      // The time limit, or the caller's own signal.
      if (error instanceof TimeOver) {
        throw this.#away(`${error.message} (${session.whyDisconnected.message})`, session.whyDisconnected);
      }
      signal.throwIfAborted();
      throw this.#away('it was closed');
    }
  }

  load(signal: AbortSignal): Promise<StoredCheckpoint | null> {
    return this.#withRecord(loadMs, signal, this.#path, (record) => this.#load(record));
  }

  loadLayouts(signal: AbortSignal): Promise<Buffer | null> {
    return this.#withRecord(
      loadMs,
      signal,
      this.#layoutsPath,
      async (record) => (await record.read())?.data ?? null,
    );
  }

  saveLayouts(record: Buffer, fencingToken: number, signal: AbortSignal): Promise<void> {
    return this.#onSession(saveMs, signal, async (client, _session, limit) => {
      const layouts = new ZnodeRecord(client, this.#layoutsPath, limit);
      const checkpoint = new ZnodeRecord(client, this.#path, limit);
      const writer = { stream: this.#options.stream, fencingToken };
      for (let round = 0; round < maxRounds; round += 1) {
        // The order matters. A later leader claims the checkpoint before it writes layouts. So if it has written
        // layouts before this version, its token is found. If it writes them later, the version is another.
        const base = await layouts.version();
        const claimed = await checkpoint.version();
        const version = claimed && formatVersion(claimed);
        await this.#tokens.check(writer, version, this.location, () => this.#load(checkpoint));
        if (await layouts.replace(record, base)) return;
      }
      throw conflictError(this.layoutsLocation, null);
    });
  }

  save(checkpoint: Checkpoint, expected: string | null, signal: AbortSignal): Promise<string> {
    return this.#withRecord(saveMs, signal, this.#path, async (record) => {
      await this.#tokens.check(checkpoint, expected, this.location, () => this.#load(record));
      const { bytes, droppedEntries } = encodeCheckpoint(checkpoint);
      const version = await this.#write(record, bytes, expected);
      this.droppedEntries = droppedEntries;
      this.#tokens.note(version, checkpoint);
      return version;
    });
  }

  async close(): Promise<void> {
    this.#closing.abort(this.#away('it was closed'));
    await this.#serial.idle();
    await this.#shared?.release();
    this.#shared = null;
  }

  async #load(record: ZnodeRecord): Promise<StoredCheckpoint | null> {
    const found = await record.read();
    if (found === null) return null;
    const where = { stream: this.#options.stream, location: this.location };
    const checkpoint = decodeCheckpoint(found.data, where);
    const version = formatVersion(found);
    this.#tokens.note(version, checkpoint);
    return { checkpoint, version };
  }

  async #write(record: ZnodeRecord, bytes: Buffer, expected: string | null): Promise<string> {
    let base = expected === null ? null : parseVersion(expected);
    if (base === undefined) throw conflictError(this.location, expected);
    if (this.#unsettled.openOn(expected)) {
      const stored = await record.read();
      if (stored !== null && this.#unsettled.explains(expected, stored.data)) base = stored;
    }
    for (let round = 0; round < maxRounds; round += 1) {
      const outcome = await record.write(bytes, base, expected, this.#unsettled);
      if (outcome.written) return formatVersion(outcome.version);
      const stored = await record.read();
      const lagged = stored !== null && base !== null && formatVersion(stored) === formatVersion(base);
      const ours = stored !== null && this.#unsettled.explains(expected, stored.data);
      if (!lagged && !ours) break;
      base = stored;
    }
    throw conflictError(this.location, expected);
  }

  /**
   * Runs actions on a znode, one after the other. Each has a time limit, which begins when its turn comes.
   */
  #withRecord<T>(
    ms: number,
    signal: AbortSignal,
    path: string,
    action: (record: ZnodeRecord) => Promise<T>,
  ): Promise<T> {
    return this.#onSession(ms, signal, (client, _session, limit) =>
      action(new ZnodeRecord(client, path, limit)),
    );
  }

  #onSession<T>(
    ms: number,
    signal: AbortSignal,
    action: (client: ZooKeeperClient, session: ZooKeeperSession, limit: AbortSignal) => Promise<T>,
  ): Promise<T> {
    return this.#serial.run(async () => {
      try {
        return await within(ms, [signal, this.#closing.signal], (limit) => {
          if (this.#shared === null) throw this.#away('it is not open');
          const session = this.#shared.value;
          const { client, whyDisconnected } = session;
          if (client === null) throw this.#away(whyDisconnected.message, whyDisconnected);
          return action(client, session, limit);
        });
      } catch (error) {
        throw isOfZooKeeper(error) ? this.#away(messageOf(error), error) : error;
      }
    });
  }

  #away(reason: string, cause?: unknown): WaymarkError {
    const place = { address: this.#address, path: this.#path };
    return unusableStoreError('checkpoint-store', 'The checkpoint store', place, reason, cause);
  }
}

function formatVersion({ czxid, version }: ZnodeVersion): string {
  return `${czxid.toString(16)}-${version}`;
}

/** Returns undefined if the text is not a version that {@link formatVersion} made. */
function parseVersion(text: string): ZnodeVersion | undefined {
  const match = /^([0-9a-f]{1,16})-(\d{1,10})$/.exec(text);
  if (match?.[1] === undefined) return undefined;
  return { czxid: Number.parseInt(match[1], 16), version: Number(match[2]) };
}
