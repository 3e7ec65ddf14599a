import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { plantedBugs } from '../../simulation/planted-bugs.js';

test.each(plantedBugs)('the code has the place of "$name" once', ({ file, code, bug }) => {
  expect(readFileSync(`src/${file}`, 'utf8').split(code)).toHaveLength(2);
  expect(bug).not.toBe(code);
});
