import type { ChoiceSettings, Option } from './choice.js';
import { diagnose, type Diagnosis, type Sight, type StreamEvidence } from './diagnosis.js';
import type { MemberView } from './members.js';
import type { Member } from './pool.js';

/** What a view of the pool is made from. */
export type OutlookInput = {
  readonly members: readonly Member[];
  readonly sights: readonly Sight[];
  /** Whose stream is read, and what it shows; null while none is. */
  readonly reading: { readonly server: string; readonly stream: StreamEvidence } | null;
  readonly stalledAfterMs: number;
};

/** Why the stream doesn't go on elsewhere, by server. */
export type Obstacles = ReadonlyMap<string, string>;

/** A server and what it is found to be. */
export type Found = Diagnosis & { readonly sight: Sight };

/** A finding for every server that is watched. Pure. */
export function findingsOf({ sights, reading, stalledAfterMs }: OutlookInput): Found[] {
  return sights.map((sight) => {
    const stream = reading?.server === sight.server ? reading.stream : null;
    return { sight, ...diagnose({ server: sight.server, stream, sights, stalledAfterMs }) };
  });
}

/** The servers as people see them: members first, in the pool's order. Pure. */
export function viewsOf(input: OutlookInput, obstacles: Obstacles): MemberView[] {
  const found = new Map(findingsOf(input).map((one) => [one.sight.server, one]));
  const view = (server: string, member: Member | null): MemberView => {
    const one = found.get(server);
    return {
      server,
      role: member === null ? 'source' : 'member',
      priority: member?.priority ?? 0,
      avoided: member?.avoided ?? false,
      reading: input.reading?.server === server,
      finding: one?.finding ?? 'healthy',
      reasons: one?.reasons ?? [],
      inTheWay: obstacles.get(server) ?? null,
      evidence: one?.sight.evidence ?? null,
    };
  };
  const members = input.members.map((member) => view(member.name, member));
  const names = new Set(input.members.map(({ name }) => name));
  const others = input.sights.filter(({ server }) => !names.has(server));
  return [...members, ...others.map(({ server }) => view(server, null))];
}

/** What is remembered of the members from one look to the next. */
export class Memory {
  readonly #healthySince = new Map<string, number>();
  readonly #lostAt = new Map<string, number>();
  #switchedAt: number | null = null;

  /** Notes the findings of now: who is healthy without a break, and since when. */
  note(found: readonly Found[]): void {
    const nowMs = performance.now();
    for (const { sight, finding } of found) {
      if (finding !== 'healthy' || sight.evidence === null) this.#healthySince.delete(sight.server);
      else if (!this.#healthySince.has(sight.server)) this.#healthySince.set(sight.server, nowMs);
    }
  }

  lost(server: string): void {
    this.#lostAt.set(server, performance.now());
  }

  switched(): void {
    this.#switchedAt = performance.now();
  }

  get sinceSwitchMs(): number | null {
    return this.#switchedAt === null ? null : performance.now() - this.#switchedAt;
  }

  /** The members as options of a choice. */
  options(members: readonly Member[], found: readonly Found[]): Option[] {
    const nowMs = performance.now();
    return members.map(({ name, priority, avoided }) => {
      const one = found.find(({ sight }) => sight.server === name);
      const healthySince = this.#healthySince.get(name);
      const lostAt = this.#lostAt.get(name);
      return {
        ...(one?.sight ?? { server: name, evidence: null, standsForMs: 0, changed: null }),
        ...{ priority, avoided, finding: one?.finding ?? 'healthy' },
        healthyForMs: healthySince === undefined ? 0 : nowMs - healthySince,
        lostForMs: lostAt === undefined ? null : nowMs - lostAt,
      };
    });
  }

  settings(failover: { cooldownMs: number; failbackAfterMs: number | null }): ChoiceSettings {
    const { cooldownMs, failbackAfterMs } = failover;
    return { cooldownMs, failbackAfterMs, sinceSwitchMs: this.sinceSwitchMs };
  }
}
