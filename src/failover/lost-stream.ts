import type { Logger } from 'pino';
import { within } from '../checkpoint/limits.js';
import type { HintFormat } from '../hints/hint.js';
import { sleep } from '../util/async.js';
import { messageOf, type WaymarkError } from '../util/errors.js';
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
  readonly logger: Logger;
  readonly stalledAfterMs: number;
  /** How long a server that refuses connections is waited for, because it may only be restarting. */
  readonly restartGraceMs: number;
};

/** A finding, and what the probe of the server itself came to. */
export type LossDiagnosis = Diagnosis & { readonly probe: ProbeOutcome };

const isolatedRetryMs = { first: 500, last: 5000 } as const;
const restartPollMs = 100;
const identityCheckMs = 3000;

/**
 * Finds out why a stream has ended: looks at all servers at once, and judges as soon as what they show suffices. While
 * we reach nobody it looks again and again, because then nothing can be said of the server.
 */
export async function findOut(
  lost: LostStream,
  options: FindOutOptions,
  signal: AbortSignal,
): Promise<LossDiagnosis> {
  // A stream that was silent is judged by any look since its last word; what has just broken, by what comes now.
  let sinceMs = lost.error.code === 'stream-silent' ? lost.lastHeardAtMs : performance.now();
  let waitMs: number = isolatedRetryMs.first;
  for (;;) {
    const diagnosis = await judgeOnce(lost, options, sinceMs, signal);
    if (diagnosis.finding !== 'isolated') return diagnosis;
    if (waitMs === isolatedRetryMs.first) {
      options.logger.error(
        {
          event: 'stream.isolated',
          server: lost.member.name,
          finding: 'isolated',
          reasons: diagnosis.reasons,
        },
        'No server can be reached, which says nothing of them: the stream stays, and goes on when one can be reached',
      );
    }
    await sleep(waitMs, signal);
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
  const looks = watch.lookAtAll(sinceMs, signal);
  let own = (await watch.look(member.name, sinceMs, signal)) ?? (await probe(member.instance, signal));
  if (own.outcome === 'refused') own = await comesBack(member, own, options.restartGraceMs, signal);
  const changed = own.outcome === 'answers' ? await changeOf(lost, own, options.format, signal) : null;
  if (own.outcome === 'no-answer') await anyContact(looks);
  const sight: Sight = { server: member.name, evidence: evidenceOf(own), standsForMs: 0, changed };
  const others = watch.sights().filter(({ server }) => server !== member.name);
  const stream = { error: lost.error.message, silentMs: performance.now() - lost.lastHeardAtMs };
  const diagnosis = diagnose({ server: member.name, stream, sights: [sight, ...others], stalledAfterMs });
  return { ...diagnosis, probe: own.outcome };
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
  } catch {
    // The match that follows proves the place all the same.
    signal.throwIfAborted();
    return null;
  }
}

/** Resolves when any server has been heard of, or all have been tried. */
async function anyContact(looks: readonly Promise<Probe>[]): Promise<void> {
  const contacts = looks.map(async (look) => {
    if ((await look).outcome === 'no-answer') throw new Error('no contact');
  });
  await Promise.any(contacts).catch((error: unknown) => messageOf(error));
}
