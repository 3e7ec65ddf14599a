import { describe, expect, test } from 'vitest';
import {
  allReadable,
  type Failure,
  isSameTransaction,
  nextStep,
  type NextStep,
  noteFailure,
  unfitFor,
  verdictOf,
} from '../../../src/failover/unreadable-content.js';
import { type TransactionKey, UnreadableError } from '../../../src/tail/unreadable-error.js';
import { type ErrorCode, WaymarkError } from '../../../src/util/errors.js';

const position = { file: 'mysql-bin.000007', position: 4711 };
const placeOf = (sequence: number, origin = '', hint: string | null = 'h1'): TransactionKey => ({
  hint,
  sequence,
  origin,
});

function unreadableAt(place: TransactionKey, code: ErrorCode = 'checksum'): UnreadableError {
  const cause = new WaymarkError(code, 'An event does not match its checksum', { details: { server: 'a' } });
  return new UnreadableError(cause, place, position);
}

function failure(attempts: number, code: ErrorCode = 'checksum'): Failure {
  return { attempts, error: unreadableAt(placeOf(7), code) };
}

describe('what is done when a server fails', () => {
  test.each<[string, Record<string, Failure>, string[], NextStep]>([
    ['for the first time: the way may have damaged it', { a: failure(1) }, ['a', 'b'], 'again'],
    ['for the second time', { a: failure(2, 'protocol') }, ['a', 'b'], 'again'],
    ['for the third time', { a: failure(3) }, ['a', 'b'], 'elsewhere'],
    [
      'for the first time, at what nobody damages',
      { a: failure(1, 'unsupported-event') },
      ['a', 'b'],
      'elsewhere',
    ],
    ['and is the only one, for the first time', { a: failure(1) }, ['a'], 'again'],
    ['and is the only one, for the third time', { a: failure(3) }, ['a'], 'end'],
    ['and is the only one, at what nobody damages', { a: failure(1, 'unsupported-event') }, ['a'], 'end'],
    ['behind another one, for the first time', { b: failure(3), a: failure(1) }, ['a', 'b', 'c'], 'again'],
    ['behind another one, for the third time', { b: failure(3), a: failure(3) }, ['a', 'b', 'c'], 'end'],
    ['behind one of another kind', { b: failure(1, 'unsupported-event'), a: failure(3) }, ['a', 'b'], 'end'],
    [
      'behind one that died before it had failed often',
      { b: failure(1), a: failure(3) },
      ['a', 'b'],
      'elsewhere',
    ],
    ['and has been taken out of the pool', { a: failure(3) }, ['b'], 'elsewhere'],
  ])('%s', (_name, failures, members, expected) => {
    expect(nextStep('a', new Map(Object.entries(failures)), members)).toBe(expected);
  });
});

describe('whether it is the same transaction', () => {
  test.each([
    ['the same origin, counted otherwise', placeOf(7, 'g:0-1-5'), placeOf(9, 'g:0-1-5', 'h2'), true],
    ['another origin', placeOf(7, 'g:0-1-5'), placeOf(7, 'g:0-1-6'), false],
    ['one of them could not read the origin', placeOf(7, 'g:0-1-5'), placeOf(7), true],
    ['and the count is another', placeOf(7, 'g:0-1-5'), placeOf(8), false],
    ['and the hint is another', placeOf(7), placeOf(7, '', 'h2'), false],
    ['servers of two vendors: the count decides', placeOf(7, 'c:17'), placeOf(7, 'g:0-1-5'), true],
    ['before the first hint', placeOf(7, '', null), placeOf(7, '', null), true],
  ])('%s', (_name, a, b, expected) => {
    expect(isSameTransaction(a, b)).toBe(expected);
    expect(isSameTransaction(b, a)).toBe(expected);
  });
});

describe('what is remembered', () => {
  const pool = ['a', 'b'];
  const three = [1, 2, 3];

  test('who failed at a transaction is not asked for it again', () => {
    let content = allReadable;
    const steps = three.map(() => {
      content = noteFailure(content, 'a', unreadableAt(placeOf(7, 'g:0-1-5')));
      return nextStep('a', content.failures, pool);
    });
    expect(steps).toEqual(['again', 'again', 'elsewhere']);
    expect([...unfitFor(content, 'h1', 6).keys()]).toEqual(['a']);
    // Behind it the log may be sound.
    expect(unfitFor(content, 'h1', 7).size).toBe(0);
    expect(unfitFor(content, 'h2', 6).size).toBe(0);
  });

  test('another transaction begins anew', () => {
    const before = three.reduce((one) => noteFailure(one, 'a', unreadableAt(placeOf(7))), allReadable);
    const content = noteFailure(before, 'a', unreadableAt(placeOf(8)));
    expect(nextStep('a', content.failures, pool)).toBe('again');
    expect(unfitFor(content, 'h1', 7).size).toBe(0);
  });

  test('two servers, the same transaction: it ends, and says what each said', () => {
    const same = unreadableAt(placeOf(7, 'g:0-1-5'));
    const before = three.reduce((one) => noteFailure(one, 'a', same), allReadable);
    const last = unreadableAt(placeOf(7, 'g:0-1-5'), 'unsupported-event');
    const content = noteFailure(before, 'b', last);
    expect(nextStep('b', content.failures, pool)).toBe('end');
    const verdict = verdictOf(content, last);
    expect(verdict.code).toBe('unsupported-event');
    expect(verdict.message).toMatch(
      /transaction 7 after hint h1 \(g:0-1-5\).*- a \(tried 3 times\).*- b \(tried 1 time\)/s,
    );
    expect(verdict.details).toMatchObject({ ...position, failures: [{ server: 'a' }, { server: 'b' }] });
  });
});
