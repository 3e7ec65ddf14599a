import { type Coordinates, formatCoordinates } from '../binlog/coordinates.js';
import { formatAddress } from '../config/address.js';
import { hintRecogniser } from '../hints/hint.js';
import { readRelayLog } from '../mysql/relay-log.js';
import { WaymarkError } from '../util/errors.js';
import { correlate, haveCommonGtids } from './correlate.js';
import { correlateTrail } from './trail-place.js';
import type { CorrelateOptions, Correlation, InspectedServer } from './result.js';
import type { HistoryStep } from '../matching/match-state.js';
import { RelayListing } from './relay-listing.js';
import { anchoredByGtid, entryOf, type ServerTrail } from './server-trail.js';

export type ReplicaPlaceOptions = Omit<CorrelateOptions, 'from' | 'at'> & {
  /** A replica whose applier has stopped and has applied everything received. It was looked at after that. */
  readonly replica: InspectedServer;
  /** Its channel's name, and how far it has applied its source's log. */
  readonly channel: { readonly name: string; readonly executed: Coordinates };
  /** The server that it replicates from. Null if that is dead. */
  readonly source: InspectedServer | null;
};

/** A replica's place in another server's log, and which log it was found by. */
export type ReplicaPlace = Correlation & {
  /**
   * `own-log`: the end of its own binary log. For a replica that doesn't write what it replicates there:
   * `source-log`, the place up to which it has applied its source's; `relay-log`, where the source is dead: what its
   * relay log still shows of it. Contents can't be compared then (at most `shape`).
   */
  readonly via: 'own-log' | 'source-log' | 'relay-log';
};

/**
 * Finds a replica's place on the server that it may be moved below. For a replica that doesn't log what it
 * replicates, its own writes are ignored.
 * @throws what {@link correlate} throws; `no-trail` also where the relay log doesn't show the place, or no hint
 * before it any more.
 */
export async function placeOfReplica(options: ReplicaPlaceOptions): Promise<ReplicaPlace> {
  const { replica, channel, source, ...rest } = options;
  const { facts, logEnd } = replica.inspection;
  if (logEnd !== null && facts.logsReplicatedChanges) {
    return { ...(await correlate({ ...rest, from: replica, at: logEnd })), via: 'own-log' };
  }
  if (source !== null) {
    return { ...(await correlate({ ...rest, from: source, at: channel.executed })), via: 'source-log' };
  }
  const trail = await readRelayTrail(options);
  // The relay log is in the order of the source, whatever the order of the appliers and of the replica's own log.
  const inspection = { ...replica.inspection, facts: { ...facts, keepsCommitOrder: true, gtidSet: '' } };
  const from = { ...replica, inspection };
  const place = await correlateTrail(trail, true, { ...rest, from, at: channel.executed });
  return { ...place, via: 'relay-log' };
}

/** Steps kept at most; of more, the oldest go. */
const maximumSteps = 200_000;

/** The part of the source's history, up to the applied place, that the relay log still shows. */
async function readRelayTrail(options: ReplicaPlaceOptions): Promise<ServerTrail> {
  const { replica, channel, format, signal } = options;
  const { serverId, version } = replica.inspection.facts;
  const listing = new RelayListing(hintRecogniser(format), serverId);
  const reading = { instance: replica.instance, version, serverId, channel: channel.name, signal };
  let steps: HistoryStep[] = [];
  let shown = false;
  pages: for await (const events of readRelayLog(reading)) {
    for (const event of events) {
      const step = listing.event(event);
      const { file, position } = listing.place;
      const inFile = file === channel.executed.file;
      if (inFile ? position > channel.executed.position : shown) break pages;
      shown ||= inFile;
      if (step !== null) steps.push(step);
    }
    if (steps.length > maximumSteps) steps = steps.slice(-maximumSteps / 2);
  }
  const first = steps.findIndex(({ kind }) => kind === 'hint');
  if (first < 0) {
    const hasGtids = haveCommonGtids({ from: replica, to: options.to });
    const byGtid = shown && hasGtids ? anchoredByGtid(steps) : null;
    if (byGtid !== null) return byGtid;
  }
  if (!shown || first < 0) throw nothingToGoBy(options, shown);
  steps = steps.slice(first);
  return { steps, entries: steps.map((step) => entryOf(step, false)) };
}

function nothingToGoBy({ replica, channel }: ReplicaPlaceOptions, shown: boolean): WaymarkError {
  const server = formatAddress(replica.instance.address);
  const what = shown ? 'no hint before it' : 'not that place';
  return new WaymarkError(
    'no-trail',
    `${server} doesn't write what it replicates to its own log, its source is gone, and its relay log shows ${what} ` +
      `(${formatCoordinates(channel.executed)} of the source). Rebuild it from another server. Set ` +
      'log_slave_updates (MySQL: log_replica_updates) on replicas that you want to move',
    { details: { server, ...channel.executed } },
  );
}
