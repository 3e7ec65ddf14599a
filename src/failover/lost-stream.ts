import { TimeOver, within } from '../util/limits.js';
import type { HintFormat } from '../hints/hint.js';
import { sleep } from '../util/async.js';
import { WaymarkError } from '../util/errors.js';
import { diagnose, type Diagnosis, type Sight } from './diagnosis.js';
import { type ReadPlace, whatChanged } from './identity-check.js';
import { evidenceOf } from './members.js';
import type { Member } from './pool.js';
import type { PoolWatch } from './pool-watch.js';
import { type Probe, probe, type ProbeOutcome } from './probe.js';

/** A stream that has ended by itself. */
export type LostStream = {
  readonly member: Member;
  readonly error: WaymarkError;
  /** On the monotonic clock. */
  readonly lastHeardAtMs: number;
  readonly place: ReadPlace;
};

export type FindOutOptions = {
  readonly watch: PoolWatch;
  readonly format: HintFormat;
  readonly stalledAfterMs: number;
  /** How long any server that refuses connections is waited for, because it may only be restarting. */
  readonly restartGraceMs: number;
  /** Called when nobody can be reached, once. */
  readonly onIsolated: (reasons: readonly string[]) => void;
};

/** A finding, and what the probe of the server itself came to. */
export type LossDiagnosis = Diagnosis & { readonly probe: ProbeOutcome };

const isolatedRetryMs = { first: 500, last: 5000 } as const;
const restartPollMs = 100;
/** A server that was shut down in order is back within this when it is only restarted, and not much is lost else. */
const farewellGraceMs = 5000;
const identityCheckMs = 3000;
/**
 * Looks of the last second of a silence of two will do. Earlier ones won't: between its last heartbeat and the next
 * one, half a second later, a server may have answered and frozen then.
 */
const freshMs = 1000;
/** Looks that were begun at once have begun within this. */
const togetherMs = 50;

/**
 * Finds out why a stream has ended: looks at all servers at once, and judges as soon as what they show suffices. While
 * we reach nobody it looks again and again, because then nothing can be said of the server.
 */
export async function findOut(
  lost: LostStream,
  options: FindOutOptions,
  signal: AbortSignal,
): Promise<LossDiagnosis> {
  let sinceMs = judgedSince(lost.error, performance.now());
  let waitMs: number = isolatedRetryMs.first;
  let wasIsolated = false;
  for (;;) {
    const diagnosis = await judgeOnce(lost, options, sinceMs, signal);
    // A network that comes back does so piece by piece: one more look before the server is blamed.
    const isFinal = diagnosis.finding !== 'unreachable' || !wasIsolated;
    wasIsolated = diagnosis.finding === 'isolated';
    if (!wasIsolated && isFinal) return diagnosis;
    if (wasIsolated && waitMs === isolatedRetryMs.first) options.onIsolated(diagnosis.reasons);
    await sleep(wasIsolated ? waitMs : isolatedRetryMs.first, signal);
    waitMs = Math.min(waitMs * 2, isolatedRetryMs.last);
    sinceMs = performance.now();
  }
}

async function judgeOnce(
  lost: LostStream,
  options: FindOutOptions,
  sinceMs: number,
  signal: AbortSignal,
): Promise<LossDiagnosis> {
  const { watch, stalledAfterMs } = options;
  const { member } = lost;
  watch.beginLooks(sinceMs, signal);
  let own = (await watch.look(member.name, sinceMs, signal)) ?? (await probe(member.instance, signal));
  const graceMs = restartGraceOf(lost.error, options.restartGraceMs);
  if (own.outcome === 'refused') own = await comesBack(member, own, graceMs, signal);
  const changed = own.outcome === 'answers' ? await changeOf(lost, own, options.format, signal) : null;
  // Who answered before it fell silent says nothing of the network since.
  if (own.outcome === 'no-answer') await anyContact(watch.lookAtAll(own.begunMs - togetherMs, signal));
  const sight: Sight = { server: member.name, evidence: evidenceOf(own), standsForMs: 0, changed };
  const others = watch.sights().filter(({ server }) => server !== member.name);
  const stream = { error: lost.error.message, silentMs: performance.now() - lost.lastHeardAtMs };
  const diagnosis = diagnose({ server: member.name, stream, sights: [sight, ...others], stalledAfterMs });
  return { ...diagnosis, probe: own.outcome };
}

/**
 * When a look must have begun to say something of a stream that has just ended with this error: after it broke, or deep
 * within its silence. Pure.
 */
export function judgedSince({ code }: WaymarkError, nowMs: number): number {
  return code === 'stream-silent' ? nowMs - freshMs : nowMs;
}

/**
 * How long a server that refuses connections is waited for. Pure. One that took its leave of the stream is being shut
 * down in order, and mostly to be started again: MySQL ends its streams with an EOF packet then, and not when it is
 * killed (seen on 9.7). MariaDB just closes the connections either way (seen on 10.11), so there a restart can't be
 * told from a death, and only the operator can say that it is to be waited for.
 */
export function restartGraceOf({ details }: WaymarkError, configuredMs: number): number {
  return details['tookLeave'] === true ? Math.max(configuredMs, farewellGraceMs) : configuredMs;
}

/** The probe of a server that refused, when it is back within the grace; else the refusal. */
async function comesBack(
  member: Member,
  refusal: Probe,
  graceMs: number,
  signal: AbortSignal,
): Promise<Probe> {
  const deadline = performance.now() + graceMs;
  while (performance.now() < deadline) {
    await sleep(restartPollMs, signal);
    const again = await probe(member.instance, signal);
    if (again.outcome === 'answers') return again;
  }
  return refusal;
}

/** What has changed there since it was read; null when nothing has, or when that can't be seen now. */
async function changeOf(
  { member, place }: LostStream,
  { inspection }: Extract<Probe, { outcome: 'answers' }>,
  format: HintFormat,
  signal: AbortSignal,
): Promise<string | null> {
  try {
    return await within(identityCheckMs, [signal], (limited) =>
      whatChanged(member.instance, inspection, place, format, limited),
    );
  } catch (error) {
    signal.throwIfAborted();
    // The match that follows proves the place all the same.
    if (error instanceof WaymarkError || error instanceof TimeOver) return null;
    throw error;
  }
}

/** Resolves when any server has been heard of, or all have been tried. @throws what a look throws. */
async function anyContact(looks: readonly Promise<Probe>[]): Promise<void> {
  const all = Promise.all(looks);
  const contacts = looks.map(async (look) => {
    if ((await look).outcome === 'no-answer') await all;
  });
  await Promise.race([all, ...contacts]);
}
