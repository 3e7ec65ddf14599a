import { describe, expect, test } from 'vitest';
import {
  gapRecord,
  gapStartOf,
  lostCodeOf,
  LostEndingError,
  numberingBehind,
  withAdvice,
} from '../../../src/resume/gap.js';
import type { StoredCheckpoint } from '../../../src/checkpoint/checkpoint.js';
import { checkpointOf } from '../checkpoint/samples.js';
import { hintFromDisplay } from '../../../src/hints/hint.js';
import { type ErrorCode, WaymarkError } from '../../../src/util/errors.js';

const display = (counter: number): string => `6B01F8DB:000000000000000${String(counter)}:317ACA46`;
const hint = (counter: number) => hintFromDisplay(display(counter));
const place = { server: 'db1:3306', serverId: 1, file: 'mysql-bin.000018', position: 4711 };

function noCandidate(...codes: readonly (ErrorCode | null)[]): WaymarkError {
  return new WaymarkError('no-candidate', 'nobody', { details: { codes } });
}

describe('whether a place is lost', () => {
  test.each<[string, WaymarkError, ErrorCode | null]>([
    ['purged on the only server', new WaymarkError('purged', ''), 'purged'],
    ['purged on all', noCandidate('purged', 'purged'), 'purged'],
    ['purged here, unknown there', noCandidate('purged', 'not-found'), 'no-candidate'],
    ['purged here, no server for it there', noCandidate('purged', 'unsuitable-server'), 'purged'],
    ['what the sink had is gone', new LostEndingError('gone'), 'sink'],
    ['servers differ', new WaymarkError('diverged', ''), null],
    ['one of them differs', noCandidate('purged', 'diverged'), null],
    ['one fails of something else', noCandidate('purged', null), null],
    ['none can ever do', noCandidate('unsuitable-server'), null],
    [
      'nobody has a trail, and one may come back',
      new WaymarkError('no-trail', '', { details: { failing: ['server-unreachable'] } }),
      null,
    ],
    ['another error of the sink', new WaymarkError('sink', ''), null],
    ['not found on the only server', new WaymarkError('not-found', ''), 'not-found'],
    [
      'no server of the pool would do, and one has purged it',
      noCandidate('unsuitable-server', 'purged'),
      'purged',
    ],
    ['nobody says why', new WaymarkError('no-candidate', 'nobody'), null],
    ['the pool is empty', noCandidate(), null],
    [
      'what servers said belongs to another error',
      new WaymarkError('diverged', '', { details: { codes: ['purged'] } }),
      null,
    ],
  ])('%s', (_, error, code) => {
    expect(lostCodeOf(error)).toBe(code);
  });

  test('then the error says where the records end, and what can be done', () => {
    const error = withAdvice('purged', noCandidate('purged'), {
      ...place,
      hint: display(1),
      seq: 12,
    });
    expect(error.code).toBe('purged');
    expect(error.message).toContain(`${display(1)}/12, read from db1:3306 at mysql-bin.000018:4711`);
    expect(error.message).toContain('waymark run --accept-gap');
  });

  test('it keeps what the error knew, and says no place if none is known', () => {
    const cause = new Error('the cause');
    const lost = new WaymarkError('purged', 'The log is gone', { cause, details: { server: 'db1' } });
    const from = { ...place, hint: null, seq: 12 };
    expect(withAdvice('purged', lost, from)).toMatchObject({ cause, details: { server: 'db1', from } });
    expect(withAdvice('purged', lost, from).message).toMatch(
      /^The log is gone\. The records end with -\/12, /,
    );
    expect(withAdvice('purged', lost, null).message).toMatch(
      /^The log is gone\. Nothing has been delivered\./,
    );
  });
});

describe('a gap begins', () => {
  const last = { hint: display(2), sequence: 3, source: place, isGap: false };
  const common = { remembers: true, delivered: [], endsBetweenTransactions: true };
  const ending = { kind: 'known' as const, transactions: [], last, fromOneServer: true };
  const stored: StoredCheckpoint = {
    version: 'v1',
    checkpoint: checkpointOf([], { numberedFrom: hint(1).token, sequence: 12 }),
  };
  const checkpointPlace = {
    ...{ server: '127.0.0.1:3402', serverId: 2, file: 'mysql-bin.000018', position: 32_087_423 },
    ...{ hint: display(1), seq: 12 },
  };

  test('where the sink says, also when the checkpoint says something else', () => {
    for (const checkpoint of [null, stored]) {
      expect(gapStartOf(checkpoint, { ...common, ending })).toEqual({ ...place, hint: display(2), seq: 3 });
      expect(gapStartOf(checkpoint, { ...common, ending: { kind: 'lost', reason: 'gone' } })).toBeNull();
    }
  });

  test('where the checkpoint says if the sink says nothing, numbered by what the sink took since', () => {
    expect(gapStartOf(stored, common)).toEqual(checkpointPlace);
    const delivered = [{ hint: display(3), sequence: 2, gtid: null, byGtid: false, second: 1, digest: 1n }];
    expect(gapStartOf(stored, { ...common, delivered })).toEqual({
      ...checkpointPlace,
      ...{ hint: display(3), seq: 2 },
    });
    const unnumbered = { ...stored, checkpoint: checkpointOf([], { sequence: 12 }) };
    expect(gapStartOf(unnumbered, common)).toEqual({ ...checkpointPlace, hint: null });
  });

  test('nowhere if nobody knows', () => {
    expect(gapStartOf(null, common)).toBeNull();
  });
});

describe('numbers behind a gap', () => {
  test('go on from a newer hint as from any', () => {
    const begun = { hint: hint(5), sequence: 2 };
    expect(numberingBehind({ hint: hint(4), sequence: 9 }, begun)).toEqual(begun);
    expect(numberingBehind(null, begun)).toEqual(begun);
  });

  test('never come twice: behind the same hint, and where there is none', () => {
    expect(numberingBehind({ hint: hint(5), sequence: 9 }, { hint: hint(5), sequence: 2 })).toEqual({
      hint: hint(5),
      sequence: 10,
    });
    expect(numberingBehind({ hint: hint(5), sequence: 9 }, { hint: null, sequence: 0 })).toEqual({
      hint: hint(5),
      sequence: 10,
    });
    expect(numberingBehind({ hint: hint(5), sequence: 9 }, { hint: hint(5), sequence: 20 })).toEqual({
      hint: hint(5),
      sequence: 20,
    });
    expect(numberingBehind({ hint: null, sequence: 9 }, { hint: hint(5), sequence: 1 })).toEqual({
      hint: hint(5),
      sequence: 1,
    });
    expect(numberingBehind({ hint: null, sequence: 9 }, { hint: null, sequence: 0 })).toEqual({
      hint: null,
      sequence: 10,
    });
  });
});

test('two gaps in a row have ids of their own', () => {
  const now = new Date(0);
  const first = gapRecord('purged', { ...place, hint: null, seq: 9 }, place, now);
  expect(first).toMatchObject({
    id: '-/10/gap',
    tx: { hint: null, seq: 10, row: 0, last: true },
    source: place,
  });
  const second = gapRecord('purged', { ...first.source, hint: first.tx.hint, seq: first.tx.seq }, place, now);
  expect(second.id).toBe('-/11/gap');
  expect(gapRecord('purged', { ...place, hint: display(1), seq: 9 }, place, now).id).toBe(
    `${display(1)}/10/gap`,
  );
  expect(gapRecord('purged', null, place, now)).toMatchObject({
    id: '-/1/gap',
    from: null,
    reason: 'purged',
  });
});
