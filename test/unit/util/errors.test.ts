import { expect, test } from 'vitest';
import { type ErrorCode, exitCodeOf, hasCode, messageOf, WaymarkError } from '../../../src/util/errors.js';

test.each([
  ['usage', 2],
  ['config', 2],
  ['not-found', 3],
  ['diverged', 4],
  ['behind', 5],
  ['purged', 6],
  ['server-unreachable', 1],
  ['stream-broken', 1],
  ['sink', 1],
] as [ErrorCode, number][])('%s ends the command with %i', (code, exitCode) => {
  expect(exitCodeOf(new WaymarkError(code, 'text'))).toBe(exitCode);
});

test('what is not ours ends it with 1', () => {
  expect(exitCodeOf(new TypeError('bug'))).toBe(1);
  expect(exitCodeOf('text')).toBe(1);
});

test('codes, causes and messages', () => {
  const cause = new Error('below');
  const error = new WaymarkError('sink', 'above', { cause, details: { file: 'x' } });
  expect(hasCode(error, 'sink')).toBe(true);
  expect(hasCode(error, 'usage')).toBe(false);
  expect(hasCode(Object.assign(new Error('x'), { code: 'sink' }), 'sink')).toBe(false);
  expect(error).toMatchObject({ name: 'WaymarkError', cause, details: { file: 'x' } });
  expect('cause' in new WaymarkError('sink', 'alone')).toBe(false);
  expect([messageOf(error), messageOf('text'), messageOf(7)]).toEqual(['above', 'text', '7']);
});
