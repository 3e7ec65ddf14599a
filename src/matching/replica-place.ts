import type { Coordinates } from '../binlog/coordinates.js';
import { WaymarkError } from '../util/errors.js';
import { correlate } from './correlate.js';
import type { CorrelateOptions, Correlation, InspectedServer } from './correlation.js';

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
 * Where a replica stands, expressed on the server that it may be put below.
 * @throws what {@link correlate} throws; `no-trail` also where the relay log holds no hint any more.
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
  throw new WaymarkError('no-trail', 'not yet');
}
