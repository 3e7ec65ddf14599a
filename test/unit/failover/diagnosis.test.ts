import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { diagnose, type Evidence, isServerLost, lagOf } from '../../../src/failover/diagnosis.js';
import type { Sight } from '../../../src/pool/evidence.js';
import { type ErrorCode, WaymarkError } from '../../../src/util/errors.js';
import { answers, mute, sight, source } from '../pool/sights.js';

const read = 'db1:3306';
const other = 'db2:3306';

/** Evidence about the server that is read, beside one other member and the source. */
function evidence(change: Partial<Evidence> & { readonly own?: Partial<Sight> } = {}): Evidence {
  const { own, ...rest } = change;
  return {
    server: read,
    stream: { error: null, silentMs: 100 },
    sights: [sight(read, answers(), own), sight(other, answers()), source()],
    stalledAfterMs: 60_000,
    ...rest,
  };
}

const broken = { error: 'it closed the stream', silentMs: 100 };
const silent = { error: 'neither event nor heartbeat', silentMs: 2100 };

describe('a server whose stream has ended', () => {
  const cases: [string, Evidence, string][] = [
    ['it answers', evidence({ stream: broken }), 'stream-broken'],
    ['it was silent, and answers', evidence({ stream: silent }), 'stream-broken'],
    [
      'nobody listens there',
      evidence({ stream: broken, sights: [sight(read, mute('refused')), sight(other, answers()), source()] }),
      'dead',
    ],
    [
      'nobody listens anywhere',
      evidence({ stream: broken, sights: [sight(read, mute('refused')), sight(other, mute('refused'))] }),
      'dead',
    ],
    [
      'it is silent, and another answers',
      evidence({ stream: silent, sights: [sight(read, mute('no-answer')), sight(other, answers())] }),
      'unreachable',
    ],
    [
      'it is silent, and another one refuses: the network works',
      evidence({ stream: silent, sights: [sight(read, mute('no-answer')), sight(other, mute('refused'))] }),
      'unreachable',
    ],
    [
      'it is silent, and the source alone answers',
      evidence({
        stream: silent,
        sights: [sight(read, mute('no-answer')), sight(other, mute('no-answer')), source()],
      }),
      'unreachable',
    ],
    [
      'nobody answers',
      evidence({ stream: silent, sights: [sight(read, mute('no-answer')), sight(other, mute('no-answer'))] }),
      'isolated',
    ],
    [
      'it is the only server, and does not answer',
      evidence({ stream: silent, sights: [sight(read, mute('no-answer'))] }),
      'isolated',
    ],
    [
      'it has no room for us',
      evidence({ stream: broken, sights: [sight(read, mute('turned-away')), sight(other, answers())] }),
      'unreachable',
    ],
    [
      'it answers, and is another one',
      evidence({ stream: broken, own: { changed: 'its log began anew' } }),
      'rebuilt',
    ],
  ];
  test.each(cases)('%s', (_name, given, finding) => {
    const diagnosis = diagnose(given);
    expect(diagnosis.finding).toBe(finding);
    expect(diagnosis.reasons).not.toEqual([]);
  });

  test('what the source sees of it is told', () => {
    const sights = [
      sight(read, mute('no-answer')),
      sight(other, answers()),
      source({ replicas: [read, other] }),
    ];
    expect(diagnose(evidence({ stream: silent, sights })).reasons.join()).toContain('still has it');
    const without = [sight(read, mute('no-answer')), source({ replicas: [other] })];
    expect(diagnose(evidence({ stream: silent, sights: without })).reasons.join()).toContain(
      "doesn't have it",
    );
  });
});

describe('a server whose stream flows', () => {
  const ahead = answers({ executed: 'mysql-bin.000002:200' });
  const stopped = answers({ applierRunning: false, lagSeconds: null, lastError: 'a duplicate key' });
  const cases: [string, Evidence, string, string | RegExp][] = [
    ['all is well', evidence(), 'healthy', /^$/],
    [
      'it takes no new connection',
      evidence({ sights: [sight(read, mute('turned-away')), sight(other, answers())] }),
      'healthy',
      /the stream runs/,
    ],
    [
      'it stands still, and another goes on',
      evidence({ sights: [sight(read, stopped, { standsForMs: 60_000 }), sight(other, ahead), source()] }),
      'stalled',
      /applier .* a duplicate key.*db2/,
    ],
    [
      'it stands still, and not for long enough',
      evidence({ sights: [sight(read, stopped, { standsForMs: 59_999 }), sight(other, ahead), source()] }),
      'healthy',
      /applier/,
    ],
    [
      'it lags, and another does not',
      evidence({ sights: [sight(read, answers({ lagSeconds: 60 })), sight(other, ahead), source()] }),
      'stalled',
      /lags by 60 s/,
    ],
    [
      'everybody lags alike',
      evidence({
        sights: [
          sight(read, answers({ lagSeconds: 90 })),
          sight(other, answers({ lagSeconds: 89, executed: 'mysql-bin.000002:200' })),
        ],
      }),
      'healthy',
      /^$/,
    ],
    [
      'the source is gone',
      evidence({
        sights: [
          sight(read, answers({ receiverRunning: false })),
          sight(other, answers({ receiverRunning: false })),
          sight('db0:3306', mute('refused')),
        ],
      }),
      'source-down',
      /db0:3306/,
    ],
    [
      'the source answers others than us',
      evidence({
        sights: [sight(read, answers()), sight(other, answers()), sight('db0:3306', mute('no-answer'))],
      }),
      'healthy',
      /^$/,
    ],
    ['its log began anew', evidence({ own: { changed: 'its log began anew' } }), 'rebuilt', /anew/],
    [
      'its log began anew, and nothing is read there',
      evidence({ stream: null, own: { changed: 'its log began anew' } }),
      'healthy',
      /anew/,
    ],
    [
      'its log began anew, it stands still, and nothing is read there',
      evidence({
        stream: null,
        sights: [
          sight(read, stopped, { standsForMs: 60_000, changed: 'its log began anew' }),
          sight(other, ahead),
          source(),
        ],
      }),
      'stalled',
      /anew.*applier/,
    ],
    ['before the first look', evidence({ sights: [sight(read, null)] }), 'healthy', /not been probed/],
  ];
  test.each(cases)('%s', (_name, given, finding, reasons) => {
    const diagnosis = diagnose(given);
    expect(diagnosis.finding).toBe(finding);
    expect(diagnosis.reasons.join('; ')).toMatch(reasons);
  });
});

describe('the reasons, word by word', () => {
  const reasonsOf = (change: Parameters<typeof evidence>[0]): readonly string[] =>
    diagnose(evidence(change)).reasons;
  const silentOnes = (...others: Sight[]) => ({
    stream: silent,
    sights: [...others, sight(read, mute('no-answer'))],
  });
  const ahead = answers({ executed: 'mysql-bin.000002:200' });

  test('of a broken stream: why it broke, and that the server answers', () => {
    expect(reasonsOf({ stream: broken })).toEqual(['it closed the stream', 'it answers on a new connection']);
  });

  test('of a server that doesn’t answer: who else does, and what its source sees', () => {
    const others = [sight(other, answers()), sight('db3:3306', null), sight('db4:3306', mute('no-answer'))];
    expect(reasonsOf(silentOnes(...others))).toEqual(['no-answer', 'we can reach db2:3306']);
    expect(reasonsOf(silentOnes(...others, source({ replicas: [] })))).toEqual([
      ...['no-answer', 'we can reach db2:3306, db0:3306'],
    ]);
    expect(reasonsOf(silentOnes(sight(other, mute('refused')), source({ replicas: [other, read] })))).toEqual(
      [...['no-answer', 'we can reach db2:3306, db0:3306', 'db0:3306 still has it among its replicas']],
    );
    expect(reasonsOf(silentOnes(source({ replicas: [other] })))).toEqual([
      ...['no-answer', 'we can reach db0:3306', "db0:3306 doesn't have it among its replicas"],
    ]);
    expect(reasonsOf(silentOnes(sight(other, mute('no-answer'))))).toEqual([
      ...['no-answer', 'neither another server of the pool nor the source answers'],
    ]);
  });

  test('of one that refuses, whether it says why or not', () => {
    const refusing = (outcome: 'refused' | 'turned-away', error: string | null) =>
      reasonsOf({
        stream: broken,
        sights: [sight(read, { ...mute(outcome), error }), sight(other, answers())],
      });
    expect(refusing('refused', 'ECONNREFUSED')).toEqual(['nothing listens there: ECONNREFUSED']);
    expect(refusing('refused', null)).toEqual(['nothing listens there: it does not answer']);
    expect(refusing('turned-away', 'Too many connections')).toEqual([
      'it refuses our connection: Too many connections',
    ]);
    const sights = [sight(read, { ...mute('no-answer'), error: null })];
    expect(reasonsOf({ sights })).toEqual([
      'the stream runs, but a new connection fails: it does not answer',
    ]);
  });

  test('of one that stands still: what stands, and who is ahead', () => {
    const standing = (change: Parameters<typeof answers>[0]) =>
      reasonsOf({
        sights: [sight(read, answers(change), { standsForMs: 60_000 }), sight(other, ahead), source()],
      });
    const receiver = 'its receiver (IO thread) is not running';
    const applier = 'its applier (SQL thread) is not running';
    expect(standing({ receiverRunning: false })).toEqual([
      ...[`it has stood still for 60 s: ${receiver}`, 'ahead of it: db2:3306'],
    ]);
    expect(standing({ receiverRunning: false, applierRunning: false, lastError: 'it broke' })[0]).toBe(
      `it has stood still for 60 s: ${receiver} and ${applier}: it broke`,
    );
    expect(standing({})[0]).toBe('it has stood still for 60 s: its threads run but make no progress');
  });

  test('of one that lags: by how much, and who is ahead', () => {
    const sights = [sight(read, answers({ lagSeconds: 61 })), sight(other, ahead), source()];
    expect(reasonsOf({ sights })).toEqual(['it lags by 61 s', 'ahead of it: db2:3306']);
  });

  test('of a source that is gone', () => {
    const gone = (error: string | null) => ({
      sights: [
        sight(read, answers({ receiverRunning: false })),
        sight('db0:3306', { ...mute('refused'), error }),
      ],
    });
    expect(reasonsOf(gone('ECONNREFUSED'))).toEqual([
      ...['db0:3306: ECONNREFUSED', 'no member receives anything from it'],
    ]);
    expect(reasonsOf(gone(null))[0]).toBe('db0:3306: it does not answer');
  });
});

describe('the limits', () => {
  test('a stream proves that its server lives until it has been silent for two seconds', () => {
    const sights = [sight(read, mute('refused')), sight(other, answers())];
    const after = (silentMs: number) =>
      diagnose(evidence({ sights, stream: { error: null, silentMs } })).finding;
    expect([0, 1999, 2000].map(after)).toEqual(['healthy', 'healthy', 'dead']);
    expect(diagnose(evidence({ sights, stream: null })).finding).toBe('dead');
    // It has ended.
    expect(diagnose(evidence({ sights, stream: { error: 'x', silentMs: 0 } })).finding).toBe('dead');
  });

  test('a server lags behind one that is ahead, and lags less than the limit itself', () => {
    const lagging = (own: number | null, others: number, executed = 'mysql-bin.000002:200') =>
      diagnose(
        evidence({
          sights: [
            sight(read, answers({ lagSeconds: own })),
            sight(other, answers({ lagSeconds: others, executed })),
          ],
        }),
      ).finding;
    expect(lagging(60, 59)).toBe('stalled');
    expect(lagging(59, 0)).toBe('healthy');
    expect(lagging(60, 60)).toBe('healthy');
    expect(lagging(60, 0, 'mysql-bin.000002:100')).toBe('healthy');
    expect(lagging(null, 0)).toBe('healthy');
  });

  test('a source is gone when it answers nobody and no member receives anything', () => {
    const outcomes = (['refused', 'no-answer', 'turned-away'] as const).map(
      (outcome) =>
        diagnose(
          evidence({
            sights: [sight(read, answers({ receiverRunning: false })), sight('db0:3306', mute(outcome))],
          }),
        ).finding,
    );
    expect(outcomes).toEqual(['source-down', 'source-down', 'healthy']);
  });
});

test('how far a server lags: not at all without replication, without end if that stands', () => {
  expect(lagOf({ evidence: null })).toBe(0);
  expect(lagOf(source())).toBe(0);
  expect(lagOf({ evidence: answers({ lagSeconds: 7 }) })).toBe(7);
  expect(lagOf({ evidence: answers({ lagSeconds: null }) })).toBe(Infinity);
  expect(lagOf({ evidence: answers({ lagSeconds: 7, receiverRunning: false }) })).toBe(Infinity);
  expect(lagOf({ evidence: answers({ lagSeconds: 7, applierRunning: false }) })).toBe(Infinity);
});

test('whatever the evidence, a server that answers is neither dead nor unreachable nor isolated', () => {
  const evidences = fc.constantFrom(
    ...[
      answers(),
      answers({ lagSeconds: null }),
      mute('refused'),
      mute('no-answer'),
      mute('turned-away'),
      null,
    ],
  );
  fc.assert(
    fc.property(fc.array(evidences), fc.boolean(), (others, ended) => {
      const sights = [
        sight(read, answers()),
        ...others.map((seen, index) => sight(`db${index + 5}:1`, seen)),
      ];
      const { finding } = diagnose(evidence({ sights, stream: ended ? broken : null }));
      expect(['dead', 'unreachable', 'isolated']).not.toContain(finding);
    }),
  );
});

describe('whether an error is about this server alone', () => {
  const lost: ErrorCode[] = [
    'server-unreachable',
    'access-denied',
    'missing-grant',
    'stream-broken',
    'stream-silent',
    'checksum',
    'protocol',
    'coordinates',
  ];
  const fatal: ErrorCode[] = [
    'diverged',
    'sink',
    'config',
    'usage',
    'unsupported-event',
    'checkpoint-conflict',
  ];

  test.each(lost)('%s: another one may go on', (code) => {
    expect(isServerLost(new WaymarkError(code, 'x'))).toBe(true);
  });

  test.each(fatal)('%s: the stream must stop', (code) => {
    expect(isServerLost(new WaymarkError(code, 'x'))).toBe(false);
  });

  test('a bug is no lost server', () => {
    expect(isServerLost(new TypeError('bug'))).toBe(false);
    expect(isServerLost(Object.assign(new Error('x'), { code: 'stream-broken' }))).toBe(false);
  });
});
