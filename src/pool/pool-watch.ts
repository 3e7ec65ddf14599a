import type { Logger } from 'pino';
import { formatCoordinates } from '../binlog/coordinates.js';
import { type Address, parseAddress, socketPathOf } from '../config/address.js';
import type { Hint } from '../hints/hint.js';
import type { Inspection } from '../mysql/inspect.js';
import type { ReplicationChannel } from '../mysql/server-facts.js';
import { monotonicMs } from '../util/clock.js';
import type { Breadcrumbs } from './breadcrumbs.js';
import type { Sight } from './evidence.js';
import { evidenceOf, type MemberEvidence } from './evidence.js';
import type { Member } from './members.js';
import type { Probe } from './probe.js';
import { comparePlaces, isSourceOf, type Standstill, standstillOf } from './source-progress.js';
import { Watch } from './member-watch.js';

/**
 * ER_KEY_NOT_FOUND and ER_DUP_ENTRY (MySQL 8.0 Error Reference, MariaDB Error Codes). An applier stops with them if a row
 * isn't there that was changed on the source, or is there before it was inserted.
 */
const differenceNumbers: ReadonlySet<number> = new Set([1032, 1062]);

export type PoolWatchOptions = {
  readonly logger: Logger;
  readonly breadcrumbs: Breadcrumbs;
  /** The last hint that was delivered. */
  readonly lastHint: () => Hint | null;
};

/** A server's ids, and the end of its log. */
export type KnownServer = {
  readonly serverId: number;
  readonly uuid: string;
  /** `file:position` */
  readonly logEnd: string | null;
};

/** What is known of one server. */
type Known = {
  readonly watch: Watch;
  readonly ending: AbortController;
  evidence: MemberEvidence | null;
  /** When it was seen last, on the monotonic clock. */
  seenAtMs: number;
  standstill: Standstill | null;
  identity: KnownServer | null;
  /** When that was noted, on the monotonic clock. */
  identityAtMs: number;
  changed: string | null;
  /** By channel, where its applier last stood because the server's data differ from its source's. */
  readonly differedAt: Map<string, string>;
};

/**
 * The latest evidence of every member and of the source. Each has a watch of its own. The source is the one that most
 * members name, unless it is configured.
 */
export class PoolWatch {
  readonly #options: PoolWatchOptions;
  readonly #known = new Map<string, Known>();
  #members: readonly Member[] = [];
  #source: Member | null = null;
  #sourceIsConfigured = false;
  #signal: AbortSignal | null = null;

  constructor(options: PoolWatchOptions) {
    this.#options = options;
  }

  /** Sets the servers to watch. The evidence of those that stay is kept. */
  setPool(members: readonly Member[], source: Member | null): void {
    this.#members = members;
    this.#source = source;
    this.#sourceIsConfigured = source !== null;
    this.#follow();
  }

  /** Watches until the signal fires. */
  start(signal: AbortSignal): void {
    this.#signal = signal;
    this.#follow();
  }

  /** The latest evidence of the members, and of the source if it isn't a member. */
  sights(): Sight[] {
    return [...this.#known].map(([server, { evidence, seenAtMs, standstill, changed }]) => ({
      ...{ server, evidence, changed },
      // Only up to the last look. What happened since isn't known.
      standsForMs: standstill === null ? 0 : Math.max(seenAtMs - standstill.sinceMs, 0),
    }));
  }

  /** Looks at one server now, or uses a look that began after `sinceMs`. Null if it isn't watched. */
  async look(server: string, sinceMs: number, signal: AbortSignal): Promise<Probe | null> {
    return (await this.#known.get(server)?.watch.look(sinceMs, signal)) ?? null;
  }

  /** Looks at all servers at once. Returns a promise for each look. */
  lookAtAll(sinceMs: number, signal: AbortSignal): Promise<Probe>[] {
    return [...this.#known.values()].map(({ watch }) => watch.look(sinceMs, signal));
  }

  /** Begins to look at all servers, without waiting. */
  beginLooks(sinceMs: number, signal: AbortSignal): void {
    for (const { watch } of this.#known.values()) watch.begin(sinceMs, signal);
  }

  /** The place there has been proved. So the server as it is now becomes the one to compare with. */
  proved(server: string, { facts, logEnd }: Inspection): void {
    const known = this.#known.get(server);
    if (!known) return;
    known.changed = null;
    const { serverId, uuid } = facts;
    known.identity = { serverId, uuid, logEnd: logEnd && formatCoordinates(logEnd) };
    known.identityAtMs = monotonicMs();
  }

  #follow(): void {
    const signal = this.#signal;
    if (signal === null) return;
    const wanted = [...this.#members, ...(this.#source ? [this.#source] : [])];
    for (const [name, { ending }] of this.#known) {
      if (wanted.some((member) => member.name === name)) continue;
      ending.abort(new Error(`${name} is not watched any more`));
      this.#known.delete(name);
    }
    for (const member of wanted) if (!this.#known.has(member.name)) this.#begin(member, signal);
  }

  #begin(member: Member, signal: AbortSignal): void {
    const ending = new AbortController();
    const take = (seen: Probe): void => {
      this.#take(member.name, seen);
    };
    const watch = new Watch(member, take, this.#options.logger);
    const known = {
      ...{ watch, ending, evidence: null, seenAtMs: Number.NEGATIVE_INFINITY, standstill: null },
      ...{ identity: null, identityAtMs: Number.NEGATIVE_INFINITY, changed: null },
      differedAt: new Map<string, string>(),
    };
    this.#known.set(member.name, known);
    void watch.run(AbortSignal.any([signal, ending.signal]));
  }

  #take(server: string, seen: Probe): void {
    const known = this.#known.get(server);
    if (!known) return;
    const nowMs = monotonicMs();
    known.evidence = evidenceOf(seen, known.identity?.serverId ?? null);
    known.seenAtMs = nowMs;
    if (seen.outcome === 'answers') {
      const { logEnd, facts, channels } = seen.inspection;
      // If two looks overlap, it isn't known which one saw the end of the log first.
      if (seen.begunMs > known.identityAtMs) {
        this.#noteChange(server, known, { ...facts, logEnd: logEnd && formatCoordinates(logEnd) });
      }
      for (const channel of channels) this.#noteDifference(server, known, channel);
      const { gtidSet } = facts;
      const hint = this.#options.lastHint();
      if (logEnd) this.#options.breadcrumbs.note(server, { coordinates: logEnd, hint, gtidSet });
    }
    this.#followSource();
    const sights = this.sights();
    for (const sight of sights) {
      const other = this.#known.get(sight.server);
      if (other) other.standstill = standstillOf(other.standstill, sight, sights, nowMs);
    }
  }

  /** Logs that an applier stands because its server's data differ: once for each place at which it stands. */
  #noteDifference(server: string, { differedAt }: Known, channel: ReplicationChannel): void {
    const { name, applierRunning, applierErrorNumber, lastError } = channel;
    const executed = formatCoordinates(channel.executed);
    if (applierRunning || !differenceNumbers.has(applierErrorNumber)) return;
    if (differedAt.get(name) === executed) return;
    differedAt.set(name, executed);
    this.#options.logger.warn(
      {
        event: 'replica.diverged',
        ...{ server, kind: 'applier', errorNumber: applierErrorNumber, reason: lastError, executed },
      },
      `${server} differs from its source: its applier stands at ${executed} with error ${String(applierErrorNumber)}: ${lastError}`,
    );
  }

  #noteChange(server: string, known: Known, now: KnownServer): void {
    const changed = changeBetween(known.identity, now);
    known.identity = { serverId: now.serverId, uuid: now.uuid, logEnd: now.logEnd };
    known.identityAtMs = monotonicMs();
    if (changed === null) return;
    known.changed = changed;
    this.#options.breadcrumbs.forget(server);
    this.#options.logger.warn(
      { event: 'member.rebuilt', server, reason: changed },
      `${server} is no longer the same server: ${changed}`,
    );
  }

  /** Watches the source that most members name. */
  #followSource(): void {
    if (this.#sourceIsConfigured) return;
    const [anyMember] = this.#members;
    const name = sourceNamed(this.#members.map(({ name }) => this.#known.get(name)?.evidence ?? null));
    if (name === null || name === this.#source?.name || !anyMember) return;
    const isMember = [...this.#known].some(
      ([server, { evidence }]) =>
        this.#members.some((member) => member.name === server) &&
        this.#replications().some((replication) => isSourceOf({ server, evidence }, replication)),
    );
    const { account } = anyMember.instance;
    const address = isMember ? null : addressNamed(name);
    this.#source =
      address === null ? null : { name, instance: { address, account }, priority: 0, avoided: true };
    this.#follow();
  }

  #replications() {
    return [...this.#known.values()].flatMap(({ evidence }) => evidence?.replication ?? []);
  }
}

/** A source's address comes from the members. It may be invalid, and must not lead to a socket of this machine. */
export function addressNamed(name: string): Address | null {
  try {
    const address = parseAddress(name);
    return socketPathOf(address) === null ? address : null;
  } catch {
    return null;
  }
}

/** The source that most members name. Null if none does. Pure. */
export function sourceNamed(evidence: readonly (MemberEvidence | null)[]): string | null {
  const votes = new Map<string, number>();
  for (const source of evidence.flatMap((seen) => seen?.replication?.source ?? [])) {
    votes.set(source, (votes.get(source) ?? 0) + 1);
  }
  return [...votes].toSorted(([, a], [, b]) => b - a)[0]?.[0] ?? null;
}

/** What shows that a server is no longer the same. Null if nothing does. Pure. */
export function changeBetween(before: KnownServer | null, now: KnownServer): string | null {
  if (before === null) return null;
  if (before.uuid !== now.uuid) return 'another server answers at its address (its unique id differs)';
  if (before.serverId !== now.serverId) {
    return `its server_id was ${before.serverId} and is ${now.serverId}`;
  }
  if (before.logEnd === null || now.logEnd === null) return null;
  if ((comparePlaces(before.logEnd, now.logEnd) ?? 0) <= 0) return null;
  return `its binary log ended at ${before.logEnd} and ends at ${now.logEnd} now: it was reset`;
}
