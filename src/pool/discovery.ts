import { type Address, formatAddress } from '../config/address.js';
import type { FilterPatterns } from '../config/table-filter.js';
import { type Account, instanceOf, type ServerKind } from '../mysql/instance.js';
import { preflight } from '../preflight/preflight.js';
import { preflightErrors } from '../preflight/preflight-finding.js';
import { sourcesOf } from '../topology/neighbours.js';
import { type SurveyedServer, surveyServer } from '../topology/surveyed-server.js';
import { monotonicMs } from '../util/clock.js';
import { watchLoop } from '../util/watch-loop.js';
import {
  discoveredLimit,
  fullPool,
  presenceOf,
  reportsOf,
  type ServerReport,
  unfitness,
} from './discovered.js';
import { type ListedMember, MemberList, type MemberListOptions } from './member-list.js';

/** A server of the configuration. */
type ConfiguredServer = { readonly address: Address; readonly kind?: ServerKind | undefined };

export type DiscoveryOptions = MemberListOptions & {
  /** The configured members, and the source if it is configured, as they are now. */
  readonly configured: () => readonly ConfiguredServer[];
  /** The tables that are delivered, for the checks of a new member. */
  readonly tables: FilterPatterns;
};

/** From one round of looks to the next. */
const roundMs = 5000;
const lookMs = 3000;
/** How long a server that didn't fit is left alone. */
const retryMs = 15_000;

/**
 * Finds members that aren't in the configuration: the replicas and cluster members that the pool's servers and their
 * sources report. A server joins when it passes the checks that configured members pass. Each agent discovers for
 * itself.
 */
export class Discovery {
  readonly #options: DiscoveryOptions;
  readonly #list: MemberList;
  /** The identities of all servers that were seen, by name. */
  readonly #identities = new Map<string, string>();
  /** Servers that didn't fit, by name: why, and until when they are left alone, on the monotonic clock. */
  readonly #unfit = new Map<string, { readonly reason: string; readonly untilMs: number }>();

  constructor(options: DiscoveryOptions) {
    this.#options = options;
    this.#list = new MemberList(options);
  }

  /**
   * The stream was read from this server, as its checkpoint says. So it is a member, even if nobody who could report it
   * answers.
   */
  remember(address: Address): void {
    this.#list.remember(address, this.#options.configured(), 'the checkpoint has reported it');
  }

  /** Looks around every few seconds until the signal fires. Never rejects. */
  async run(account: Account, signal: AbortSignal): Promise<void> {
    const { logger } = this.#options;
    const round = (): Promise<void> => this.#round(account, signal);
    await watchLoop(roundMs, 'looking for members', round, { logger, signal });
  }

  async #round(account: Account, signal: AbortSignal): Promise<void> {
    const looks = new Map<string, SurveyedServer>();
    const take = (seen: SurveyedServer): void => {
      const name = formatAddress(seen.address);
      looks.set(name, seen);
      if (seen.state === 'alive') this.#identities.set(name, seen.identity);
    };
    const look = async (servers: readonly ConfiguredServer[]): Promise<void> => {
      const unseen = servers.filter(({ address }) => !looks.has(formatAddress(address)));
      const looking = unseen.map((server) => surveyServer(instanceOf(server, account), signal, lookMs));
      for (const seen of await Promise.all(looking)) take(seen);
    };
    const living = () => [...looks.values()].flatMap((seen) => (seen.state === 'alive' ? [seen] : []));
    const configured = this.#options.configured();
    await look([...configured, ...this.#list.members]);
    // They may list more replicas, and aren't members themselves.
    await look(living().flatMap((seen) => sourcesOf(seen).map((address) => ({ address }))));
    const kept = this.#settled(configured, [...looks.values()]);
    const reports = reportsOf(living());
    const reported = new Set(reports.map(({ address }) => formatAddress(address)));
    for (const name of this.#unfit.keys()) if (!reported.has(name)) this.#unfit.delete(name);
    const candidates = reports.filter(({ address }) => this.#isDue(address, looks));
    const joined: ListedMember[] = [];
    for (const { address, by } of candidates) {
      if (kept.length + joined.length >= discoveredLimit) {
        this.#refuse(address, fullPool);
        continue;
      }
      const seen = await surveyServer({ address, account }, signal, lookMs);
      const others = [...this.#identities]
        .filter(([name]) => looks.has(name))
        .map(([, identity]) => identity);
      const fault = unfitness(seen, living(), new Set(others));
      if (fault?.kind === 'known') this.#leaveAlone(address, '');
      else if (fault !== null) this.#refuse(address, fault.reason);
      else if (await this.#passes(address, account, signal)) {
        take(seen);
        joined.push(this.#joined(address, by));
      }
    }
    this.#list.set([...kept, ...joined]);
  }

  /** The members that stay. Those that have come into the configuration need not be discovered any more. */
  #settled(
    configured: readonly ConfiguredServer[],
    looks: readonly SurveyedServer[],
  ): readonly ListedMember[] {
    const names = new Set(configured.map(({ address }) => formatAddress(address)));
    const own = this.#list.members.filter(({ address }) => !names.has(formatAddress(address)));
    return this.#list.settled(own, presenceOf(looks), 'no server has reported it');
  }

  /** Whether a reported server is new, and wasn't refused a moment ago. */
  #isDue(address: Address, looks: ReadonlyMap<string, SurveyedServer>): boolean {
    const name = formatAddress(address);
    return !looks.has(name) && (this.#unfit.get(name)?.untilMs ?? 0) <= monotonicMs();
  }

  /** Whether a server passes the checks that `waymark check` makes of members. */
  async #passes(address: Address, account: Account, signal: AbortSignal): Promise<boolean> {
    const { tables } = this.#options;
    const [error] = preflightErrors(await preflight({ address, account }, { signal, tables }));
    if (error !== undefined) this.#refuse(address, error.message);
    return error === undefined;
  }

  #joined(address: Address, by: ServerReport['by']): ListedMember {
    this.#unfit.delete(formatAddress(address));
    return this.#list.joined({ address, of: null }, by, `${by} has reported it`);
  }

  #refuse(address: Address, reason: string): void {
    const server = formatAddress(address);
    if (this.#unfit.get(server)?.reason !== reason) this.#list.refused(server, reason);
    this.#leaveAlone(address, reason);
  }

  #leaveAlone(address: Address, reason: string): void {
    this.#unfit.set(formatAddress(address), { reason, untilMs: monotonicMs() + retryMs });
  }
}
