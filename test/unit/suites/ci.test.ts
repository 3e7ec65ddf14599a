import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

const script = readFileSync('.ci/run', 'utf8');
const steps = [...script.matchAll(/^step (['"])(.+?)\1 \d+ (?:\\\n)?(.*(?:\\\n.*)*)$/gm)].map(
  ([, , title = '', command = '']) => ({ title, command }),
);

test('every script that it runs is there', () => {
  const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: Record<string, string> };
  expect(steps.length).toBe([...script.matchAll(/^step /gm)].length);
  const named = steps.flatMap(({ command }) => [...command.matchAll(/npm (?:run )?([\w:]+)/g)]);
  expect(named.length).toBeGreaterThan(3);
  for (const [text, name = ''] of named) expect(Object.keys(scripts), text).toContain(name);
});
