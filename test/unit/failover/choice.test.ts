import { describe, expect, test } from 'vitest';
import { choose, type ChoiceSettings, type Option } from '../../../src/failover/choice.js';
import type { SwitchCause } from '../../../src/failover/switch.js';
import { answers, mute, sight } from '../pool/sights.js';

const settings: ChoiceSettings = { cooldownMs: 30_000, failbackAfterMs: 600_000, sinceSwitchMs: null };

function option(server: string, change: Partial<Option> = {}): Option {
  const basis = {
    priority: 0,
    avoided: false,
    finding: 'healthy',
    healthyForMs: 900_000,
    lostForMs: null,
  } as const;
  return { ...sight(server, answers()), ...basis, ...change };
}

const ahead = answers({ executed: 'mysql-bin.000002:200' });

/** The candidates in order, each with its rank, `?` behind a reserve; and the rejections. */
function chosen(cause: SwitchCause, options: readonly Option[], change: Partial<ChoiceSettings> = {}) {
  const { candidates, rejections } = choose(cause, 'a', options, { ...settings, ...change });
  return {
    candidates: candidates
      .map(({ server, rank, reserve }) => `${rank}${server}${reserve ? '?' : ''}`)
      .join(' '),
    rejections: rejections.map(({ server, reason }) => `${server}: ${reason}`),
  };
}

describe('a lost server', () => {
  const cases: [string, Option[], string][] = [
    ['it comes last itself', [option('a'), option('b'), option('c')], '0b 0c 1a?'],
    ['priority', [option('a'), option('b'), option('c', { priority: 5 })], '0c 1b 2a?'],
    [
      'the smallest lag first, where the priority is the same',
      [
        option('b', sight('b', answers({ lagSeconds: 7 }))),
        option('c', sight('c', answers({ lagSeconds: 2 }))),
      ],
      '0c 0b',
    ],
    [
      'delayed on purpose: a reserve, whatever its priority',
      [option('b', { ...sight('b', answers({ delaySeconds: 60 })), priority: 9 }), option('c')],
      '0c 1b?',
    ],
    ['to be avoided', [option('b', { avoided: true }), option('c')], '0c 1b?'],
    ['lost itself within the cooldown', [option('b', { lostForMs: 29_999 }), option('c')], '0c 1b?'],
    ['lost before the cooldown', [option('b', { lostForMs: 30_000 }), option('c')], '0b 0c'],
    ['also who does not answer now is tried', [option('b', sight('b', mute('refused')))], '0b'],
    ['also who has not been probed yet is tried', [option('b', { evidence: null }), option('c')], '0b 0c'],
    [
      'two whose replication is stopped lag alike',
      [
        option('b', sight('b', answers({ receiverRunning: false }))),
        option('c', sight('c', answers({ applierRunning: false }))),
        option('d', sight('d', answers({ lagSeconds: 900 }))),
      ],
      '0d 0b 0c',
    ],
  ];
  test.each(cases)('%s', (_name, options, expected) => {
    for (const cause of ['dead', 'unreachable', 'rebuilt'] as const) {
      expect(chosen(cause, options)).toEqual({ candidates: expected, rejections: [] });
    }
  });
});

test('a broken stream of a living server: that server', () => {
  expect(chosen('stream-broken', [option('a'), option('b')])).toEqual({
    candidates: '0a?',
    rejections: ['b: a lives: the stream goes on there'],
  });
});

test.each(['healthy', 'source-down', 'isolated', 'start', 'restart'] as const)(
  '%s: the stream stays',
  (cause) => {
    expect(chosen(cause, [option('a'), option('b')])).toEqual({
      candidates: '',
      rejections: [
        `a: the finding is ${cause}: the stream stays`,
        `b: the finding is ${cause}: the stream stays`,
      ],
    });
  },
);

describe('a stalled server', () => {
  const a = option('a', { finding: 'stalled' });
  const cases: [string, Partial<Option>, Partial<ChoiceSettings>, RegExp | null][] = [
    ['another is ahead', { evidence: ahead }, {}, null],
    ['it has no more', {}, {}, /no more than/],
    ['it is stalled, too', { evidence: ahead, finding: 'stalled' }, {}, /is stalled/],
    [
      'it is delayed',
      { evidence: answers({ executed: 'mysql-bin.000002:200', delaySeconds: 5 }) },
      {},
      /on purpose/,
    ],
    ['it does not answer', { evidence: mute('refused') }, {}, /refused/],
    [
      'it does not answer, and nobody knows why',
      { evidence: { ...mute('refused'), error: null } },
      {},
      /it does not answer/,
    ],
    ['it has not been seen', { evidence: null }, {}, /probed/],
    ['it is to be avoided', { evidence: ahead, avoided: true }, {}, /avoid/],
    ['it was just lost', { evidence: ahead, lostForMs: 1000 }, {}, /lost 1 s ago/],
    ['it was lost before the cooldown', { evidence: ahead, lostForMs: 30_000 }, {}, null],
    ['within the cooldown', { evidence: ahead }, { sinceSwitchMs: 5000 }, /last switch was 5 s ago/],
    ['after the cooldown', { evidence: ahead }, { sinceSwitchMs: 30_000 }, null],
  ];
  test.each(cases)('%s', (_name, change, changedSettings, reason) => {
    const { candidates, rejections } = chosen('stalled', [option('b', change), a], changedSettings);
    expect(candidates).toBe(reason === null ? '0b' : '');
    expect(rejections.at(-1)).toBe('a: the stream leaves this server');
    if (reason) expect(rejections[0]).toMatch(reason);
  });

  test('another is ahead, and one is no further than itself', () => {
    const options = [option('b', { evidence: ahead }), option('c'), a];
    expect(chosen('stalled', options).rejections).toEqual([
      'c: it has no more than the server that the stream leaves',
      'a: the stream leaves this server',
    ]);
  });
});

describe('going back', () => {
  const cases: [string, Partial<Option>, Partial<Option>, Partial<ChoiceSettings>, RegExp | null][] = [
    ['asked for, and a better one is healthy', {}, { priority: 5 }, {}, null],
    ['not asked for', {}, { priority: 5 }, { failbackAfterMs: null }, /failback is off/],
    ['no better priority', {}, {}, {}, /priority is no higher/],
    ['not healthy for long enough', {}, { priority: 5, healthyForMs: 1000 }, {}, /healthy for 1 s/],
    ['healthy for just long enough', {}, { priority: 5, healthyForMs: 600_000 }, {}, null],
    ['from one to be avoided', { avoided: true }, {}, {}, null],
    ['within the cooldown', {}, { priority: 5 }, { sinceSwitchMs: 1 }, /cooldown/],
  ];
  test.each(cases)('%s', (_name, own, other, changedSettings, reason) => {
    const { candidates, rejections } = chosen(
      'failback',
      [option('b', other), option('a', own)],
      changedSettings,
    );
    expect(candidates).toBe(reason === null ? '0b' : '');
    if (reason) expect(rejections[0]).toMatch(reason);
    else expect(rejections).toEqual(['a: the stream leaves this server']);
  });
});

test('an order to leave a server: whoever else answers', () => {
  const options = [option('a'), option('b'), option('c', { evidence: null })];
  expect(chosen('planned', options)).toEqual({
    candidates: '0b',
    rejections: ['a: the stream leaves this server', 'c: it has not been probed yet'],
  });
});

test('the server was taken out of the pool: whoever else there is', () => {
  const options = [option('b'), option('c', { priority: 1 }), option('d', sight('d', mute('refused')))];
  expect(chosen('planned', options)).toEqual({ candidates: '0c 1b', rejections: ['d: refused'] });
});
