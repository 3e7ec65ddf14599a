import { existsSync, readFileSync } from 'node:fs';
import { Command } from 'commander';
import { expect, test } from 'vitest';
import { addCheckCommand } from '../../../src/cli/commands/check.js';
import { addCorrelateCommand } from '../../../src/cli/commands/correlate.js';
import { addFindCommand } from '../../../src/cli/commands/find.js';
import { addInjectCommand } from '../../../src/cli/commands/inject.js';
import { addLastHintCommand } from '../../../src/cli/commands/last-hint.js';
import { addLeaderCommand } from '../../../src/cli/commands/leader.js';
import { addRegroupCommand } from '../../../src/cli/commands/regroup.js';
import { addRepointCommand } from '../../../src/cli/commands/repoint.js';
import { addRunCommand } from '../../../src/cli/commands/run.js';
import { addStatusCommand } from '../../../src/cli/commands/status.js';
import { addSwitchCommand } from '../../../src/cli/commands/switch.js';
import { addTopologyCommand } from '../../../src/cli/commands/topology.js';
import type { Start } from '../../../src/cli/context.js';
import { codeBlocks, documents } from '../../docs/markdown.js';

/** Commands in the documents: those that the command line would refuse don't stand there. */

const all = documents();
const shellBlocks = all.flatMap(({ path, text }) =>
  codeBlocks(text, 'sh', 'console', '').map((code) => ({ path, code })),
);

/** The lines that call waymark, as they are typed, without comments. */
const calls = shellBlocks.flatMap(({ path, code }) =>
  [...code.replaceAll('\\\n', ' ').matchAll(/^(?:\$ )?(?:[A-Z_]+=\S+ )*waymark (.*)$/gm)].map(
    ([, rest = '']) => ({
      path,
      words: rest
        .replace(/(?:\s+#| &| >).*$/, '')
        .trim()
        .split(/\s+/),
    }),
  ),
);

/** A program that understands the commands, and does nothing. */
function program(): Command {
  const idle: Start = () => () => Promise.resolve();
  const root = new Command('waymark').exitOverride().configureOutput({ writeErr: () => undefined });
  for (const add of [
    ...[addCheckCommand, addCorrelateCommand, addFindCommand, addInjectCommand, addLastHintCommand],
    ...[addLeaderCommand, addRegroupCommand, addRepointCommand, addRunCommand, addStatusCommand],
    ...[addSwitchCommand, addTopologyCommand],
  ]) {
    add(root, idle);
  }
  return root;
}

test('there are commands of all kinds', () => {
  expect(new Set(calls.map(({ words }) => words[0]))).toEqual(
    new Set(program().commands.map((command) => command.name())),
  );
});

test.each(calls)('$path: waymark $words', async ({ words }) => {
  await program().parseAsync(words, { from: 'user' });
});

test('every npm script and every script of the tests that is named is there', () => {
  const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: Record<string, string> };
  const named = all.flatMap(({ text }) => [...text.matchAll(/npm (?:run ([\w:-]+)|(test)\b)/g)]);
  expect(named.length).toBeGreaterThan(10);
  for (const [text, run, script = run ?? ''] of named) expect(Object.keys(scripts), text).toContain(script);
  const files = all.flatMap(({ text }) => [...text.matchAll(/\bnode (test\/\S+\.mjs)/g)]);
  for (const [, path = ''] of files) expect(existsSync(path), path).toBe(true);
});
