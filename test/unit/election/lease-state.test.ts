import { describe, expect, it } from 'vitest';

import { type LeaseAnswer, type LeaseState, nextLeaseState } from '../../../src/election/lease-state.js';

const marginMs = 1_000;

function answer(sentAt: number, standing: Partial<LeaseAnswer['standing']> & { mine: boolean }): LeaseAnswer {
  const full = standing.mine
    ? { token: 7, asked: false, ...standing, mine: true as const }
    : { mine: false as const };
  return { sentAt, timeoutMs: 5_000, standing: full };
}

const waiting: LeaseState = { phase: 'waiting' };
const leading: LeaseState = { phase: 'leading', token: 7, until: 4_000 };

describe('a hold', () => {
  it.each<[string, LeaseState, LeaseAnswer, number, LeaseState]>([
    ['begins with an answer, counted from its question', waiting, answer(0, { mine: true }), 300, leading],
    ["doesn't begin with an answer that came too late", waiting, answer(0, { mine: true }), 4_000, waiting],
    ['waits while another one leads', waiting, answer(0, { mine: false }), 10, waiting],
    [
      "doesn't begin when another one is asked for",
      waiting,
      answer(0, { mine: true, asked: true }),
      10,
      over('asked'),
    ],
    ['is prolonged', leading, answer(2_000, { mine: true }), 2_100, { ...leading, until: 6_000 }],
    ['is not shortened by an answer that was overtaken', leading, answer(-500, { mine: true }), 100, leading],
    [
      'is over when its time is, whatever comes then',
      leading,
      answer(3_990, { mine: true }),
      4_000,
      over('expired'),
    ],
    ['is over when somebody else leads', leading, answer(1, { mine: false }), 10, over('taken')],
    [
      'is over when the token is another one',
      leading,
      answer(1, { mine: true, token: 8 }),
      10,
      over('taken'),
    ],
    [
      'is over when another one is asked for',
      leading,
      answer(1, { mine: true, asked: true }),
      10,
      over('asked'),
    ],
    ['never comes back', over('taken'), answer(1, { mine: true }), 10, over('taken')],
  ])('%s', (_, hold, given, now, expected) => {
    expect(nextLeaseState(hold, { type: 'answer', answer: given }, now, marginMs)).toEqual(expected);
  });

  it('goes by the clock alone, and ends by giving up', () => {
    expect(nextLeaseState(leading, { type: 'clock' }, 3_999, marginMs)).toEqual(leading);
    expect(nextLeaseState(leading, { type: 'clock' }, 4_000, marginMs)).toEqual(over('expired'));
    expect(nextLeaseState(leading, { type: 'resign' }, 10, marginMs)).toEqual(over('resigned'));
  });
});

function over(why: Extract<LeaseState, { phase: 'over' }>['why']): LeaseState {
  return { phase: 'over', why };
}
