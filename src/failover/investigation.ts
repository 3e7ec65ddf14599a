import type { HintFormat } from '../hints/hint.js';
import { sleep } from '../util/async.js';
import { monotonicMs } from '../util/clock.js';
import { WaymarkError } from '../util/errors.js';
import { TimeOver, within } from '../util/limits.js';
import type { Sight } from '../pool/evidence.js';
import { type ReadPlace, whatChanged } from './same-server.js';
import { evidenceOf } from '../pool/evidence.js';
import type { Member } from '../pool/members.js';
import type { PoolWatch } from '../pool/pool-watch.js';
import { type Probe, probe, type ProbeOutcome } from '../pool/probe.js';

/** The server whose stream has ended, and how to probe all servers. */
export type Investigation = {
  readonly member: Member;
  /** The stream's last place. */
  readonly place: ReadPlace;
  readonly watch: PoolWatch;
  readonly format: HintFormat;
  /** Looks that began after this moment suffice. */
  readonly sinceMs: number;
  /** How long to wait for the server if it refuses connections. */
  readonly graceMs: number;
};

/** What has been seen of the server and the others. */
export type Seen = {
  readonly own: Sight;
  readonly probe: ProbeOutcome;
  readonly others: readonly Sight[];
};

const restartPollMs = 100;
const identityCheckMs = 3000;
/** Looks that are started together begin within this time. */
const togetherMs = 50;

/** Looks at all servers at once, and resolves as soon as the results suffice. */
export async function investigate(investigation: Investigation, signal: AbortSignal): Promise<Seen> {
  const { watch, member, sinceMs, graceMs, place } = investigation;
  watch.beginLooks(sinceMs, signal);
  let own = (await watch.look(member.name, sinceMs, signal)) ?? (await probe(member.instance, signal));
  if (own.outcome === 'refused') own = await comesBack(member, own, graceMs, signal);
  const changed = own.outcome === 'answers' ? await changeOf(investigation, own, signal) : null;
  // A server that answered before the silence says nothing about the network since.
  if (own.outcome === 'no-answer') await anyContact(watch.lookAtAll(own.begunMs - togetherMs, signal));
  return {
    own: { server: member.name, evidence: evidenceOf(own, place.serverId), standsForMs: 0, changed },
    probe: own.outcome,
    others: watch.sights().filter(({ server }) => server !== member.name),
  };
}

/** The probe of a server that refused connections, if it is back within the grace. Else the refusal. */
async function comesBack(
  member: Member,
  refusal: Probe,
  graceMs: number,
  signal: AbortSignal,
): Promise<Probe> {
  const deadline = monotonicMs() + graceMs;
  while (monotonicMs() < deadline) {
    await sleep(restartPollMs, signal);
    const again = await probe(member.instance, signal);
    if (again.outcome === 'answers') return again;
  }
  return refusal;
}

/** What has changed there since it was read. Null if nothing has, or if that can't be seen now. */
async function changeOf(
  { member, place, format }: Investigation,
  { inspection }: Extract<Probe, { outcome: 'answers' }>,
  signal: AbortSignal,
): Promise<string | null> {
  try {
    return await within(identityCheckMs, [signal], (limited) =>
      whatChanged(member.instance, inspection, place, format, limited),
    );
  } catch (error) {
    signal.throwIfAborted();
    // The match that follows proves the place anyway.
    if (error instanceof WaymarkError || error instanceof TimeOver) return null;
    throw error;
  }
}

/** Resolves when any server has answered, or all have been tried. @throws what a look throws. */
async function anyContact(looks: readonly Promise<Probe>[]): Promise<void> {
  const all = Promise.all(looks);
  const contacts = looks.map(async (look) => {
    if ((await look).outcome === 'no-answer') await all;
  });
  await Promise.race([all, ...contacts]);
}
