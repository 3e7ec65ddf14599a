import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { diagnose, type Evidence, isServerLost } from '../../../src/failover/diagnosis.js';
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
