import { expect, test } from 'vitest';
import { applierErrorOf } from '../../../src/mysql/replica-status.js';

test('an applier that was stopped in a cut-off transaction can go on; any other error stands', () => {
  const cutOff =
    '... The replica coordinator and worker threads are stopped, possibly leaving data in inconsistent state.';
  expect(applierErrorOf(1756, cutOff)).toBe('');
  expect(applierErrorOf(1062, "Duplicate entry '1' for key 'PRIMARY'")).toContain('Duplicate entry');
  expect(applierErrorOf(0, '')).toBe('');
});
