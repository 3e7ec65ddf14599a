import { describe, expect, test } from 'vitest';
import { InjectionReport } from '../../../src/cli/injection-report.js';
import { hintFromToken } from '../../../src/hints/hint.js';

const hint = (counter: number) => hintFromToken(`asc:6B01F8DB:${String(counter).padStart(16, '0')}:317ACA46`);

/** The report of hints every five seconds from 1000 s on, as `at seconds: message`. */
function messages(report: InjectionReport, fromSecond: number, count: number): string[] {
  return Array.from({ length: count }, (_, index) => fromSecond + index * 5)
    .map((second) => ({ second, line: report.hint(hint(second), second * 1000) }))
    .filter(({ line }) => line.level === 'info')
    .map(({ second, line }) => `${second}: ${line.message}`);
}

test('it begins, and then says once a minute that it is at work', () => {
  const report = new InjectionReport('db1:3306', 5000);
  expect(messages(report, 1000, 30)).toEqual([
    '1000: db1:3306: injects a hint every 5 s; the newest is asc:6B01F8DB:0000000000001000:317ACA46',
    '1060: db1:3306: 12 hints injected in the last 60 s; the newest is asc:6B01F8DB:0000000000001060:317ACA46',
    '1120: db1:3306: 12 hints injected in the last 60 s; the newest is asc:6B01F8DB:0000000000001120:317ACA46',
  ]);
  expect(report.injected).toBe(30);
  expect(report.last).toEqual(hint(1145));
});

test('hints that are further apart are each told of', () => {
  const report = new InjectionReport('db1:3306', 300_000);
  expect([0, 300, 600].map((second) => report.hint(hint(second), second * 1000).message)).toEqual([
    expect.stringContaining('injects a hint every 5 min;'),
    expect.stringContaining('1 hint injected in the last 5 min;'),
    expect.stringContaining('1 hint injected in the last 5 min;'),
  ]);
});

describe('what changes is told at once', () => {
  test('a failure, each with when it is tried again, and its end', () => {
    const report = new InjectionReport('db1:3306', 5000);
    messages(report, 1000, 3);
    const lines = [1012, 1013].map((second) =>
      report.notice({ kind: 'failed', message: 'db1:3306 is away', retryInMs: 400 }, second * 1000),
    );
    expect(lines).toEqual(
      lines.map(() => ({
        level: 'warn',
        event: 'injector.failed',
        fields: { server: 'db1:3306', retryInMs: 400 },
        message: 'db1:3306 is away; tried again in 400 ms',
      })),
    );
    expect(messages(report, 1030, 2)).toEqual([
      '1030: db1:3306: injects hints again, after 20 s without one; the newest is asc:6B01F8DB:0000000000001030:317ACA46',
    ]);
  });

  test('another injector at work, and its end', () => {
    const report = new InjectionReport('db1:3306', 5000);
    const message = 'another injector works on db1:3306, connection 7; standing by';
    expect(report.notice({ kind: 'standby', message }, 0)).toMatchObject({ level: 'warn', message });
    expect(messages(report, 500, 1)).toEqual([
      '500: db1:3306: injects a hint every 5 s now, having stood by; the newest is asc:6B01F8DB:0000000000000500:317ACA46',
    ]);
  });

  test('a notice that changes nothing', () => {
    const report = new InjectionReport('db1:3306', 5000);
    messages(report, 1000, 1);
    report.notice({ kind: 'replication-unseen', message: 'unseen' }, 1_001_000);
    expect(messages(report, 1005, 1)).toEqual([]);
  });
});

describe('an injector for a pool', () => {
  test('where hints go, and where they no longer go', () => {
    const report = new InjectionReport('', 5000);
    expect(report.poolNotice({ kind: 'source', server: 'db1:3306', from: null }, 0)).toMatchObject({
      level: 'info',
      event: 'injector.started',
      fields: { server: 'db1:3306' },
    });
    expect(report.hint(hint(1), 0).fields).toMatchObject({ server: 'db1:3306' });
    expect(report.poolNotice({ kind: 'source', server: 'db2:3306', from: 'db1:3306' }, 1000)).toMatchObject({
      level: 'warn',
      event: 'injector.moved',
      fields: { server: 'db2:3306', from: 'db1:3306' },
    });
    expect(report.hint(hint(2), 2000).fields).toMatchObject({ server: 'db2:3306' });
    expect(report.server).toBe('db2:3306');
  });

  test('why they go nowhere', () => {
    const report = new InjectionReport('', 5000);
    const others = [
      { server: 'db1:3306', answers: false, why: 'connect ECONNREFUSED' },
      { server: 'db2:3306', answers: true, why: 'is read-only' },
    ];
    expect(report.poolNotice({ kind: 'waiting', choice: { kind: 'none', others } }, 0)).toEqual({
      level: 'warn',
      event: 'injector.waiting',
      fields: { servers: others },
      message:
        'No server of the pool is its source (db1:3306: connect ECONNREFUSED; db2:3306: is read-only). No hints are injected meanwhile',
    });
    const servers = ['db1:3306', 'db2:3306'];
    expect(report.poolNotice({ kind: 'waiting', choice: { kind: 'several', servers } }, 0)).toMatchObject({
      fields: { sources: servers },
      message: expect.stringContaining('db1:3306 and db2:3306 look like sources') as unknown,
    });
  });
});
