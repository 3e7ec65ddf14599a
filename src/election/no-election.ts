import { WaymarkError } from '../util/errors.js';
import type { Election, Elections, Leadership, LeaderView, AgentId } from './election.js';

/** Returns elections for an agent that runs alone: every campaign leads at once, with token 0, until it resigns. */
export function noElections(self: AgentId): Elections {
  return {
    self,
    of: (stream) => noElection(stream),
    agents: () => Promise.resolve([self]),
    join: () => Promise.resolve(),
    close: () => Promise.resolve(),
  };
}

function noElection(stream: string): Election {
  const view: LeaderView = {
    ...{ stream, backend: 'none', leader: null, token: 0, mine: false, waiting: null, lastSeenMsAgo: null },
  };
  const nobody = (): Promise<LeaderView> =>
    Promise.reject(
      new WaymarkError(
        'not-leader',
        `There is no election for the stream "${stream}" ("election" in the config file), so there is nobody to take over from`,
      ),
    );
  return {
    campaign(signal) {
      signal.throwIfAborted();
      return Promise.resolve(unlimitedLeadership(stream));
    },
    show: () => Promise.resolve(view),
    take: nobody,
    stepDown: nobody,
  };
}

function unlimitedLeadership(stream: string): Leadership {
  const lost = new AbortController();
  return {
    token: 0,
    lost: lost.signal,
    assertHeld() {
      lost.signal.throwIfAborted();
    },
    resign() {
      lost.abort(new WaymarkError('not-leader', `This agent gave up the stream "${stream}"`));
      return Promise.resolve();
    },
  };
}
