/**
 * `npm run mutate [-- FILES]`: changes the code that decides and the code that decodes, one spot at a time, and runs the
 * unit tests that reach that spot: a change that no test notices is a test that is missing. FILES are patterns, as
 * `src/failover/choice.ts` or `src/decode/**`. The whole takes hours.
 *
 * Stryker does it (https://stryker-mutator.io). It isn't among the dependencies: it is got when it is wanted, beside
 * them, and the next `npm ci` takes it away.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { installDependencies } from './setup/dependencies.mjs';
import { ROOT, run, say, SetupError } from './setup/steps.mjs';

/** The newest that runs on Node.js 20. */
const STRYKER = '9.6.1';
const PACKAGES = ['core', 'vitest-runner'].map((name) => `@stryker-mutator/${name}@${STRYKER}`);
const CONFIG = 'test/mutation/stryker.json';
const LIMIT_MS = 6 * 60 * 60_000;

try {
  const files = process.argv.slice(2);
  await installDependencies();
  if (!(await isInstalled())) {
    say(`Getting Stryker ${STRYKER}`);
    const options = ['--no-save', '--no-audit', '--no-fund', '--ignore-scripts', '--loglevel=error'];
    await run('npm install', ['npm', 'install', ...options, ...PACKAGES]);
  }
  const mutated = files.length === 0 ? [] : ['--mutate', files.join(',')];
  const child = spawn('npx', ['stryker', 'run', CONFIG, ...mutated], {
    cwd: ROOT,
    stdio: 'inherit',
    timeout: LIMIT_MS,
  });
  const [code] = await once(child, 'close');
  process.exitCode = code ?? 1;
} catch (error) {
  say(error instanceof SetupError ? error.message : String(error?.stack ?? error));
  process.exitCode = 1;
}

async function isInstalled() {
  try {
    const text = await readFile(join(ROOT, 'node_modules/@stryker-mutator/core/package.json'), 'utf8');
    return JSON.parse(text).version === STRYKER;
  } catch {
    return false;
  }
}
