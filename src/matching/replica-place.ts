import { type Coordinates, formatCoordinates } from '../binlog/coordinates.js';
import { formatAddress } from '../config/address.js';
import { hintRecogniser } from '../hints/hint.js';
import { readRelayLog } from '../mysql/relay-log.js';
import { WaymarkError } from '../util/errors.js';
import { correlate } from './correlate.js';
import { correlateTrail } from './correlate-trail.js';
import type { CorrelateOptions, Correlation, InspectedServer } from './correlation.js';
import type { HistoryStep } from './match-state.js';
import { RelayListing } from './relay-listing.js';
import { entryOf, type ServerTrail } from './server-trail.js';

export type ReplicaPlaceOptions = Omit<CorrelateOptions, 'from' | 'at'> & {
  /** A replica whose applier stands still and has applied all that has come: looked at since. */
  readonly replica: InspectedServer;
  /** Of its channel: what it is called, and how far its source's log has been applied. */
  readonly channel: { readonly name: string; readonly executed: Coordinates };
  /** The server that it replicates from, if that is alive; null if not. */
  readonly source: InspectedServer | null;
};

/** Where a replica stands in another server's log, and which log told it. */
export type ReplicaPlace = Correlation & {
  /**
   * `own-log`: the end of its own binary log. For a replica that doesn't write what it replicates there:
   * `source-log`, the place up to which it has applied its source's; `relay-log`, where the source is dead: what its
   * relay log still shows of that, of which contents can't be compared (`shape` or `unverified`, never more).
   */
  readonly via: 'own-log' | 'source-log' | 'relay-log';
};

/**
 * Where a replica stands, expressed on the server that it may be put below. What a replica that doesn't log what it
 * replicates wrote on its own account is not looked at.
 * @throws what {@link correlate} throws; `no-trail` also where the relay log doesn't show the place, or no hint before
 * it any more.
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
  // The relay log has the order of the source, whatever the appliers and the replica's own log make of it.
  const inspection = { ...replica.inspection, facts: { ...facts, keepsCommitOrder: true, gtidSet: '' } };
  const from = { ...replica, inspection };
  const place = await correlateTrail(trail, true, { ...rest, from, at: channel.executed });
  return { ...place, via: 'relay-log' };
}

/** Steps kept at most; of more, the oldest go. */
const maximumSteps = 200_000;

/** What the relay log still shows of the source's history up to the place that has been applied. */
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
      `(${formatCoordinates(channel.executed)} of the source). Build it anew from another server, or set ` +
      'log_slave_updates (MySQL: log_replica_updates) on replicas that shall be moved',
    { details: { server, ...channel.executed } },
  );
}
