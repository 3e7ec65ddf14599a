import { sleep } from '../util/async.js';
import { WaymarkError } from '../util/errors.js';
import { TimeOver, within } from '../util/limits.js';
import type { LeaderView } from './election.js';

const lookEveryMs = 200;

/** For how many timeouts a demand for another leader counts. An agent that hasn't come by then won't come. */
export const callTimeouts = 2;

/**
 * Waits until a stream has another leadership than before, on `host` if that was asked for. Other leaders in between
 * must first make way, so they don't count.
 * @throws WaymarkError `not-leader` with the complaint if that takes longer than `withinMs`.
 */
export async function whenAnotherLeads(
  {
    before,
    host,
    withinMs,
    complaint,
    show,
  }: {
    readonly before: LeaderView;
    readonly host: string | null;
    readonly withinMs: number;
    readonly complaint: string;
    readonly show: (signal: AbortSignal) => Promise<LeaderView>;
  },
  signal: AbortSignal,
): Promise<LeaderView> {
  try {
    return await within(withinMs, [signal], async (limit) => {
      for (;;) {
        const view = await show(limit);
        const { leader, token } = view;
        if (leader !== null && token !== before.token && (host ?? leader.host) === leader.host) return view;
        await sleep(lookEveryMs, limit);
      }
    });
  } catch (error) {
    if (!(error instanceof TimeOver)) throw error;
    const { stream } = before;
    throw new WaymarkError('not-leader', `The stream "${stream}" has no new leader: ${complaint}`, {
      details: { stream },
    });
  }
}
