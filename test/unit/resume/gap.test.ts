import { describe, expect, test } from 'vitest';
import {
  gapRecord,
  gapStartOf,
  lostCodeOf,
  LostEndingError,
  numberingBehind,
  withAdvice,
} from '../../../src/resume/gap.js';
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
});

test('a gap begins where the sink says, also when the checkpoint says something else', () => {
  const last = { hint: display(2), sequence: 3, source: place, isGap: false };
  const common = { remembers: true, delivered: [], endsBetweenTransactions: true };
  const ending = { kind: 'known' as const, transactions: [], last, fromOneServer: true };
  expect(gapStartOf(null, { ...common, ending })).toEqual({ ...place, hint: display(2), seq: 3 });
  expect(gapStartOf(null, { ...common, ending: { kind: 'lost', reason: 'gone' } })).toBeNull();
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
});
