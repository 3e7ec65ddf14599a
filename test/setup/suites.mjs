/** Runs vitest to its end, and counts. */
import { spawn } from 'node:child_process';
import { createWriteStream, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ROOT, say } from './steps.mjs';

const LIMIT_MS = 60 * 60_000;

/** @typedef {{passed: number, failed: number, skipped: number}} Totals */

/** Of a failure's message so much is said again at the end. */
const MESSAGE_LENGTH = 400;

/**
 * Runs the suites; resolves to the exit code, the totals, and what failed, or passed at its second try
 * only, and why: a long output's end is what is read.
 * @param {string[]} options what vitest is told
 * @param {{env?: Record<string, string>, outputFile?: string}} [how] `outputFile` gets the output instead of ours
 * @returns {Promise<{code: number, totals: Totals, remarks: string[]}>}
 */
export async function runSuites(options, { env = {}, outputFile } = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'waymark-run-'));
  const report = join(folder, 'report.json');
  const vitest = join(ROOT, 'node_modules/vitest/vitest.mjs');
  const reporters = ['verbose', 'hanging-process', 'json'].map((name) => `--reporter=${name}`);
  const command = [vitest, 'run', ...reporters, `--outputFile.json=${report}`, ...options];
  try {
    const failure = await runVitest(command, env, outputFile);
    const { totals, remarks } = readReport(report);
    if (failure !== undefined && totals.failed === 0) say(`The run failed outside of the tests: ${failure}`);
    return { code: failure === undefined && totals.failed === 0 ? 0 : 1, totals, remarks };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The plain line that every run ends with. */
export function totalsLine({ passed, failed, skipped }) {
  return `${passed} passed, ${failed} failed, ${skipped} skipped`;
}

/** Resolves to what went wrong, if anything did. */
function runVitest(command, env, outputFile) {
  const child = spawn(process.execPath, command, {
    cwd: ROOT,
    env: { ...process.env, ...env },
    stdio: outputFile === undefined ? 'inherit' : ['ignore', 'pipe', 'pipe'],
    timeout: LIMIT_MS,
  });
  if (outputFile !== undefined) {
    const output = createWriteStream(outputFile);
    child.stdout.pipe(output, { end: false });
    child.stderr.pipe(output, { end: false });
    child.once('close', () => output.end());
  }
  // An interrupt at the terminal reaches vitest itself; we stay for the totals.
  const passOn = (signal) => child.kill(signal);
  const ignore = () => undefined;
  process.on('SIGINT', ignore).on('SIGTERM', passOn).on('SIGHUP', passOn);
  return new Promise((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('close', (exitCode, signal) => {
      process.off('SIGINT', ignore).off('SIGTERM', passOn).off('SIGHUP', passOn);
      resolve(exitCode === 0 ? undefined : `vitest ended with ${signal ?? `exit code ${exitCode}`}`);
    });
  });
}

/** A file that could not even be loaded counts as one failure. */
function readReport(report) {
  try {
    const { numPassedTests, numFailedTests, numPendingTests, numTodoTests, testResults } = JSON.parse(
      readFileSync(report, 'utf8'),
    );
    const unloaded = testResults.filter(
      ({ status, assertionResults }) =>
        status === 'failed' && !assertionResults.some((test) => test.status === 'failed'),
    );
    const totals = {
      passed: numPassedTests,
      failed: numFailedTests + unloaded.length,
      skipped: numPendingTests + numTodoTests,
    };
    const tests = testResults.flatMap(({ assertionResults }) => assertionResults);
    return {
      totals,
      remarks: [
        ...unloaded.map(({ name, message }) => remark('FAILED', name, message)),
        ...tests.flatMap(({ status, fullName, failureMessages: [message] = [] }) => {
          if (status === 'failed') return [remark('FAILED', fullName, message)];
          // What is kept of a test that passed is why it didn't at first.
          return message === undefined ? [] : [remark('TRIED TWICE', fullName, message)];
        }),
      ],
    };
  } catch (error) {
    return {
      totals: { passed: 0, failed: 1, skipped: 0 },
      remarks: [remark('FAILED', 'no report', String(error))],
    };
  }
}

function remark(what, name, message = '') {
  return `${what}: ${name}: ${message.slice(0, MESSAGE_LENGTH)}`;
}
