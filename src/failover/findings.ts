import { diagnose, type Diagnosis, type StreamEvidence } from './diagnosis.js';
import type { Sight } from '../pool/evidence.js';
import type { MemberView } from './member-view.js';
import type { Memory, PoolMember } from './machine/state.js';

/** What a view of the pool is made from. */
export type OutlookInput = {
  readonly members: readonly PoolMember[];
  readonly sights: readonly Sight[];
  /** The server that is read, and the state of the stream. Null while none is read. */
  readonly reading: { readonly server: string; readonly stream: StreamEvidence } | null;
  readonly stalledAfterMs: number;
};

/** A server and its finding. */
export type Found = Diagnosis & { readonly sight: Sight };

/** A finding for every server that is watched. Pure. */
export function findingsOf({ sights, reading, stalledAfterMs }: Omit<OutlookInput, 'members'>): Found[] {
  return sights.map((sight) => {
    const stream = reading?.server === sight.server ? reading.stream : null;
    return { sight, ...diagnose({ server: sight.server, stream, sights, stalledAfterMs }) };
  });
}

/** The servers as people see them: members first, in the pool's order. Pure. */
export function viewsOf(
  input: OutlookInput,
  { obstacles, equal }: Pick<Memory, 'obstacles' | 'equal'>,
): MemberView[] {
  const found = new Map(findingsOf(input).map((one) => [one.sight.server, one]));
  const view = (server: string, member: PoolMember | null): MemberView => {
    const one = found.get(server);
    const reading = input.reading?.server === server;
    return {
      server,
      role: roleOf(member),
      priority: member?.priority ?? 0,
      avoided: member?.avoided ?? false,
      reading,
      finding: one?.finding ?? 'healthy',
      reasons: one?.reasons ?? [],
      equal: reading ? null : (equal.get(server) ?? null),
      inTheWay: obstacles.get(server) ?? null,
      evidence: one?.sight.evidence ?? null,
    };
  };
  const members = input.members.map((member) => view(member.name, member));
  const names = new Set(input.members.map(({ name }) => name));
  const others = input.sights.filter(({ server }) => !names.has(server));
  return [...members, ...others.map(({ server }) => view(server, null))];
}

function roleOf(member: PoolMember | null): MemberView['role'] {
  if (member === null) return 'source';
  return member.discovered === true ? 'discovered' : 'member';
}
