import type { Logger } from 'pino';
import { compareCoordinates, type Coordinates } from '../binlog/coordinates.js';
import { GtidState } from '../gtids/gtid-state.js';
import type { OwnHistory, OwnTransaction, OwnVerdict } from '../matching/own-transactions.js';
import { type Inspection, inspect, isReplica } from '../mysql/inspect.js';
import { isBinlogServer, type ReplicationChannel, sourceAddress } from '../mysql/server-facts.js';
import { sleep } from '../util/async.js';
import { monotonicMs } from '../util/clock.js';
import { formatDuration } from '../util/quantities.js';
import type { Member } from './members.js';
import { addressNamed, type PoolWatch } from './pool-watch.js';
import { type Probe, probe } from './probe.js';
import { isSourceOf } from './source-progress.js';

/** A server, as it has just shown itself. */
export type Shown = {
  /** `host:port` */
  readonly server: string;
  readonly inspection: Inspection;
};

/** What servers tell of a replica's own transactions. */
export type OwnJudgement = 'history' | 'errant' | 'unknown';

/** What servers have shown that can tell of a replica's own transactions. */
export type Witnesses = {
  /** What those have that it replicates from, directly or through others: one state for each. */
  readonly upstream: readonly GtidState[];
  /** The addresses of those that haven't shown themselves, or that can't tell GTIDs. */
  readonly unknown: readonly string[];
  /** Whether one of them replicates from the replica in turn. Then what it writes comes to them. */
  readonly isCircle: boolean;
  /** What other replicas of its source have. Empty if nobody upstream is unknown. */
  readonly siblings: readonly GtidState[];
};

/**
 * Whether a transaction with a replica's own server id is part of the history, or errant. It is history if a server has
 * it that the replica replicates from, directly or through others: a server that was the source and becomes a replica
 * does so only when its new source has everything. If such a server can't be asked, another replica of its source is as
 * good, but only if it has the transaction. It may lack it because it lags. Pure.
 */
export function judgeOwn(gtid: string, { upstream, unknown, isCircle, siblings }: Witnesses): OwnJudgement {
  if (isCircle || upstream.some((state) => state.lists(gtid))) return 'history';
  if (unknown.length === 0) return 'errant';
  return siblings.some((state) => state.lists(gtid)) ? 'history' : 'unknown';
}

/**
 * Who can tell of a replica's own transactions, among servers that were looked at later than the replica. Pure.
 */
export function witnessesOf(replica: Inspection, others: readonly Shown[]): Witnesses {
  const servers = new Set<Inspection>();
  const unknown: string[] = [];
  let isCircle = false;
  const climb = (channels: readonly ReplicationChannel[]): void => {
    for (const channel of channels) {
      const named = { source: sourceAddress(channel), sourceServerId: channel.sourceServerId };
      const source = others.find((other) => isSourceOf(seenAs(other), named))?.inspection;
      if (source === undefined || !tellsGtids(source)) unknown.push(named.source);
      if (source === undefined || servers.has(source)) continue;
      servers.add(source);
      // A channel that was stopped may be left from another time. Nothing comes through it.
      const active = source.channels.filter(({ receiverState }) => receiverState !== 'No');
      isCircle ||= active.some((back) => leadsTo(back, replica));
      climb(active.filter((next) => !leadsTo(next, replica)));
    }
  };
  climb(replica.channels);
  const siblings =
    unknown.length === 0
      ? []
      : others.map(({ inspection }) => inspection).filter((other) => haveSameSource(other, replica));
  return { upstream: statesOf([...servers]), unknown, isCircle, siblings: statesOf(siblings) };
}

/** Only those that tell GTIDs have a state. */
function statesOf(servers: readonly Inspection[]): GtidState[] {
  return servers.filter(tellsGtids).map(({ facts }) => GtidState.parse(facts.gtidState));
}

function seenAs({ server, inspection }: Shown): Parameters<typeof isSourceOf>[0] {
  return { server, evidence: { serverId: inspection.facts.serverId } };
}

function leadsTo({ sourceServerId }: ReplicationChannel, { facts }: Inspection): boolean {
  return sourceServerId === facts.serverId;
}

function tellsGtids({ facts }: Inspection): boolean {
  return facts.gtids === 'shared' && !isBinlogServer(facts);
}

function haveSameSource(a: Inspection, b: Inspection): boolean {
  return a.channels.some(({ sourceServerId }) =>
    b.channels.some((other) => sourceServerId !== 0 && sourceServerId === other.sourceServerId),
  );
}

export type OwnTransactionsOptions = {
  readonly member: Member;
  /** What the member showed when its log was first asked for. */
  readonly inspection: Inspection;
  readonly watch: PoolWatch;
  readonly logger: Logger;
  readonly signal: AbortSignal;
};

/** The servers as they were seen at one time. */
type Round = {
  readonly begunMs: number;
  readonly replica: Inspection;
  /** What those have shown that were looked at after that. */
  readonly witnesses: Witnesses;
};

const inspectTimeoutMs = 2000;
/** From one round of questions to the next. */
const roundMs = 500;
/** So long a transaction waits for a server that can tell. */
const patienceMs = 15_000;

const history: OwnVerdict = { kind: 'history' };

/**
 * Asks the servers of the pool, and those that a replica names as its source, about the replica's own transactions. One
 * round of questions settles everything that the replica had in its log by then.
 */
export class OwnTransactions implements OwnHistory {
  readonly #options: OwnTransactionsOptions;
  #isReplica: boolean;
  #round: Round | null = null;
  /** Since when nobody could tell. Null: somebody could. */
  #unknownSinceMs: number | null = null;

  constructor(options: OwnTransactionsOptions) {
    this.#options = options;
    this.#isReplica = isReplica(options.inspection);
  }

  async judge({ gtid, start }: OwnTransaction): Promise<OwnVerdict> {
    for (;;) {
      // What a promoted server writes is the history.
      if (!this.#isReplica) return history;
      const round = this.#covering(start) ?? (await this.#ask());
      if (!isReplica(round.replica)) return history;
      if (gtid === null) return { kind: 'errant', unchecked: 'the transaction has no GTID' };
      const judgement = judgeOwn(gtid, round.witnesses);
      if (judgement !== 'unknown') {
        this.#unknownSinceMs = null;
        return judgement === 'history' ? history : { kind: 'errant', unchecked: null };
      }
      const unchecked = this.#unknown(round, { gtid, start });
      if (unchecked !== null) return { kind: 'errant', unchecked };
      this.#round = null;
      await sleep(roundMs, this.#options.signal);
    }
  }

  async upstream(): Promise<GtidState | null> {
    if (!this.#isReplica) return null;
    const { replica, witnesses } = this.#round ?? (await this.#ask());
    const { upstream, isCircle, siblings } = witnesses;
    if (isCircle) return GtidState.parse(replica.facts.gtidState);
    const asked = [...upstream, ...siblings];
    const state = GtidState.empty();
    for (const one of asked) state.addAll(one);
    return asked.length > 0 ? state : null;
  }

  /** The last round, if the replica had the place in its log then. */
  #covering(place: Coordinates): Round | null {
    const end = this.#round?.replica.logEnd ?? null;
    return end !== null && (compareCoordinates(place, end) ?? 0) < 0 ? this.#round : null;
  }

  async #ask(): Promise<Round> {
    const { member, signal } = this.#options;
    const waitMs = this.#round === null ? 0 : this.#round.begunMs + roundMs - monotonicMs();
    if (waitMs > 0) await sleep(waitMs, signal);
    const begunMs = monotonicMs();
    // Its role must be of a time when it had the transaction, and what the others have, of a time when it had this role.
    const replica = await inspect(member.instance, signal, inspectTimeoutMs);
    this.#isReplica = isReplica(replica);
    const others = this.#isReplica ? await this.#lookUpstream(replica) : [];
    this.#round = { begunMs, replica, witnesses: witnessesOf(replica, others) };
    return this.#round;
  }

  /** Looks at all servers of the pool, and then at those upstream that are none of them. */
  async #lookUpstream(replica: Inspection): Promise<readonly Shown[]> {
    const { member, watch, signal } = this.#options;
    const sinceMs = monotonicMs();
    const names = watch.sights().map(({ server }) => server);
    const seen = await Promise.all(
      names
        .filter((name) => name !== member.name)
        .map(async (server) => shownBy(server, await watch.look(server, sinceMs, signal))),
    );
    const shown = seen.flat();
    const asked = new Set(names);
    for (;;) {
      const [next] = witnessesOf(replica, shown).unknown.filter((server) => !asked.has(server));
      if (next === undefined) return shown;
      asked.add(next);
      const address = addressNamed(next);
      if (address === null) continue;
      const { account } = member.instance;
      shown.push(...shownBy(next, await probe({ address, account }, signal)));
    }
  }

  /** Nobody can tell: says so, and returns why when the time is over. */
  #unknown({ witnesses }: Round, { gtid, start }: OwnTransaction): string | null {
    const { member, logger } = this.#options;
    const nowMs = monotonicMs();
    const reason = `${witnesses.unknown.join(', ')} can't be asked, and no other replica has it`;
    if (this.#unknownSinceMs === null) {
      logger.warn(
        { event: 'transaction.undecided', server: member.name, gtid, ...start, reason },
        `${member.name} is a replica, and has a transaction of its own. Whether it is errant can't be told: ${reason}. ` +
          `The stream waits for up to ${formatDuration(patienceMs)}`,
      );
    }
    this.#unknownSinceMs ??= nowMs;
    return nowMs - this.#unknownSinceMs < patienceMs ? null : reason;
  }
}

function shownBy(server: string, seen: Probe | null): Shown[] {
  return seen?.outcome === 'answers' ? [{ server, inspection: seen.inspection }] : [];
}
