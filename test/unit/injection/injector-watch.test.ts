import { pino } from 'pino';
import { describe, expect, test } from 'vitest';
import type { AgentId, Election, LeaderView } from '../../../src/election/election.js';
import { InjectorWatch, leaseOf } from '../../../src/injection/injector-watch.js';
import { WaymarkError } from '../../../src/util/errors.js';

const one: AgentId = { host: 'ops1', pid: 7, run: '0a0b0c0d' };
const two: AgentId = { host: 'ops2', pid: 8, run: '0a0b0c0e' };

function view(change: Partial<LeaderView> = {}): LeaderView {
  const basis = { stream: 's@inject', backend: 'zookeeper', mine: false, lastSeenMsAgo: null } as const;
  return { ...basis, leader: one, token: 5, waiting: [two], ...change };
}

describe('leaseOf', () => {
  test('the holder keeps its time as long as its token is the same', () => {
    const first = leaseOf(view(), null, 1000);
    expect(first).toEqual({ holder: 'ops1/7/0a0b0c0d', since: 1000, waiting: ['ops2/8/0a0b0c0e'] });
    expect(leaseOf(view({ waiting: null }), { token: 5, lease: first }, 6000)).toEqual({
      ...first,
      waiting: null,
    });
    const next = leaseOf(view({ leader: two, token: 6, waiting: [] }), { token: 5, lease: first }, 9000);
    expect(next).toEqual({ holder: 'ops2/8/0a0b0c0e', since: 9000, waiting: [] });
  });

  test('nobody holds it; one that comes back under its token counts anew', () => {
    const first = leaseOf(view(), null, 1000);
    const gone = leaseOf(view({ leader: null }), { token: 5, lease: first }, 6000);
    expect(gone).toMatchObject({ holder: null, since: null });
    expect(leaseOf(view(), { token: 5, lease: gone }, 9000).since).toBe(9000);
  });
});

describe('InjectorWatch', () => {
  /** An election that is looked at once, and then no more. */
  async function afterOneLook(show: () => Promise<LeaderView>): Promise<InjectorWatch> {
    const stop = new AbortController();
    const nobody = (): never => {
      throw new Error('the watch takes no part');
    };
    const election: Election = {
      show: async () => {
        try {
          return await show();
        } finally {
          setImmediate(() => {
            stop.abort();
          });
        }
      },
      ...{ campaign: nobody, take: nobody, stepDown: nobody },
    };
    const watch = new InjectorWatch(election, pino({ level: 'silent' }));
    await watch.run(stop.signal);
    return watch;
  }

  test('shows what it saw; nothing without an election, or when it is away', async () => {
    expect((await afterOneLook(() => Promise.resolve(view()))).lease?.holder).toBe('ops1/7/0a0b0c0d');
    expect((await afterOneLook(() => Promise.resolve(view({ backend: 'none' })))).lease).toBeNull();
    const away = new WaymarkError('election-store', 'ZooKeeper is away');
    expect((await afterOneLook(() => Promise.reject(away))).lease).toBeNull();
  });
});
