import { expect, test } from 'vitest';
import { keptInputs } from '../../fuzz/corpus.js';
import { readAsLog } from '../../fuzz/target.js';

const inputs = keptInputs();

test('what fuzzers have found is read, or refused by name', { timeout: 60_000 }, () => {
  expect(inputs.length).toBeGreaterThan(400);
  for (const input of inputs) readAsLog(input);
});
