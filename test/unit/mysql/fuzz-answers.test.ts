import { describe, expect, test } from 'vitest';
import { answerKinds, keptAnswers, readAnswer } from '../../fuzz/answers.js';

describe.each(answerKinds)('what fuzzers have found of %s', (kind) => {
  test('is read, or refused by name', { timeout: 60_000 }, async () => {
    const kept = keptAnswers(kind);
    expect(kept.length).toBeGreaterThan(5);
    for (const answer of kept) await readAnswer(kind, answer);
  });

  test('so is each cut off', { timeout: 60_000 }, async () => {
    for (const answer of keptAnswers(kind).slice(0, 6)) {
      const step = Math.max(1, Math.floor(answer.length / 12));
      for (let length = 1; length < answer.length; length += step)
        await readAnswer(kind, answer.subarray(0, length));
    }
  });
});
