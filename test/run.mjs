/**
 * `npm test`: does its own set-up, runs the suites and ends with one plain line of totals.
 *
 * Arguments go to vitest: `npm test -- test/unit`, `npm test -- -t 'a name'`. WAYMARK_TEST_PROVIDER says where
 * the test servers run: `native` or `containers`.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { installDependencies } from './setup/dependencies.mjs';
import { makeImages } from './setup/images.mjs';
import { installServers } from './setup/packages.mjs';
import { chooseProvider } from './setup/provider.mjs';
import { ROOT, run, say, SetupError } from './setup/steps.mjs';

const LIMIT_MS = 60 * 60_000;

const args = process.argv.slice(2);
let code = 1;
let totals = { passed: 0, failed: 1, skipped: 0 };
try {
  await installDependencies();
  if (!isUnitOnly(args)) await prepareServers();
  ({ code, totals } = await runSuites(args));
} catch (error) {
  say(error instanceof SetupError ? error.message : String(error?.stack ?? error));
}
console.log(`${totals.passed} passed, ${totals.failed} failed, ${totals.skipped} skipped`);
process.exitCode = code;

/** Unit tests need neither servers nor the built command. */
function isUnitOnly(options) {
  const named = options.filter((option) => !option.startsWith('-'));
  return named.length > 0 && named.every((name) => /^(\.\/)?test\/unit\b/.test(name));
}

async function prepareServers() {
  const provider = chooseProvider();
  say(`Test servers: ${provider === 'native' ? 'native, as child processes' : 'in containers'}`);
  if (provider === 'native') await installServers();
  else await makeImages();
  // So that each of the run's processes has the same, and asks no more.
  process.env.WAYMARK_TEST_PROVIDER = provider;
  say('Building');
  await run('npm run build', ['npm', 'run', 'build']);
}

async function runSuites(options) {
  const folder = mkdtempSync(join(tmpdir(), 'waymark-run-'));
  const report = join(folder, 'report.json');
  const vitest = join(ROOT, 'node_modules/vitest/vitest.mjs');
  const reporters = ['verbose', 'hanging-process', 'json'].map((name) => `--reporter=${name}`);
  try {
    const failure = await runVitest([vitest, 'run', ...reporters, `--outputFile.json=${report}`, ...options]);
    const totals = readTotals(report);
    if (failure !== undefined && totals.failed === 0) say(`The run failed outside of the tests: ${failure}`);
    return { code: failure === undefined && totals.failed === 0 ? 0 : 1, totals };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Resolves to what went wrong, if anything did. */
function runVitest(command) {
  const child = spawn(process.execPath, command, { cwd: ROOT, stdio: 'inherit', timeout: LIMIT_MS });
  // An interrupt at the terminal reaches vitest itself; we stay for the totals.
  process.on('SIGINT', () => undefined);
  for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  return new Promise((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('close', (exitCode, signal) => {
      resolve(exitCode === 0 ? undefined : `vitest ended with ${signal ?? `exit code ${exitCode}`}`);
    });
  });
}

/** A file that could not even be loaded counts as one failure. */
function readTotals(report) {
  try {
    const { numPassedTests, numFailedTests, numPendingTests, numTodoTests, testResults } = JSON.parse(
      readFileSync(report, 'utf8'),
    );
    const unloaded = testResults.filter(
      ({ status, assertionResults }) =>
        status === 'failed' && !assertionResults.some((test) => test.status === 'failed'),
    );
    return {
      passed: numPassedTests,
      failed: numFailedTests + unloaded.length,
      skipped: numPendingTests + numTodoTests,
    };
  } catch {
    return { passed: 0, failed: 1, skipped: 0 };
  }
}
