import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { quietVariable, reportVariable } from './progress-reporter.js';
import type { Outcome, RunReport } from './report.js';
import type { TitledRun } from './summary.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const reporter = './test/suites/progress-reporter.ts';

/** How a run is called and what it differs in. */
export interface HowToRun {
  readonly title: string;
  /** Beside those of this process. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Whether the user has named a reporter, which tells of the tests. */
  readonly quiet?: boolean;
  /** The Node.js that runs the tests; unless said, this one. */
  readonly node?: string;
}

/** Runs vitest to its end, with its output in ours. A run that fails outside of its tests has an outcome that says so. */
export async function runVitest(
  options: readonly string[],
  { title, environment = {}, quiet = false, node = process.execPath }: HowToRun,
): Promise<TitledRun> {
  const began = performance.now();
  const folder = await mkdtemp(join(tmpdir(), 'waymark-run-'));
  const path = join(folder, 'report.json');
  try {
    const reporters = [`--reporter=${reporter}`, '--reporter=hanging-process'];
    const args = [join(root, 'node_modules/vitest/vitest.mjs'), 'run', ...reporters, ...options];
    const failure = await ended(
      spawn(node, args, {
        cwd: root,
        stdio: 'inherit',
        env: {
          ...process.env,
          ...environment,
          ...withNode(node),
          [reportVariable]: path,
          ...(quiet ? { [quietVariable]: 'yes' } : {}),
        },
      }),
    );
    const { outcomes, files } = await readReport(path, failure);
    const isTold = failure === null || outcomes.some(({ state }) => state === 'failed');
    const told = asksByName(options) ? outcomes.map(leftOut) : outcomes;
    const all = isTold ? told : [...told, outside(`vitest ${failure}, although no test failed`)];
    return { title, outcomes: all, files, durationMs: performance.now() - began };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Runs a program of the project to its end; its outcome is that of one test. */
export async function runProgram(
  file: string,
  { title, node = process.execPath }: HowToRun,
): Promise<TitledRun> {
  const began = performance.now();
  const failure = await ended(
    spawn(node, ['--import', 'tsx', join(root, file)], {
      cwd: root,
      stdio: 'inherit',
      env: { ...process.env, ...withNode(node) },
    }),
  );
  const outcome: Outcome =
    failure === null
      ? { file, name: title, state: 'passed', place: file, message: null }
      : { file, name: title, state: 'failed', place: file, message: `it ${failure}` };
  return { title, outcomes: [outcome], files: 1, durationMs: performance.now() - began };
}

/** What these start by the name `node` is the same Node.js. */
function withNode(node: string): Record<string, string> {
  return { PATH: [dirname(node), process.env['PATH'] ?? ''].join(delimiter) };
}

/** Resolves to what went wrong, if anything did. */
function ended(child: ChildProcess): Promise<string | null> {
  // An interrupt at the terminal reaches the program itself; we stay for the totals.
  const passOn = (signal: NodeJS.Signals): void => {
    child.kill(signal);
  };
  process.on('SIGTERM', passOn).on('SIGHUP', passOn);
  return new Promise((resolve) => {
    child.once('error', (error) => {
      resolve(`could not be started: ${error.message}`);
    });
    child.once('close', (code, signal) => {
      process.off('SIGTERM', passOn).off('SIGHUP', passOn);
      resolve(code === 0 ? null : `ended with ${signal ?? `exit code ${code ?? 1}`}`);
    });
  });
}

function asksByName(options: readonly string[]): boolean {
  return options.some((option) => /^(-t|--testNamePattern)/.test(option));
}

/** Whoever asks for tests by their name knows why the others are skipped. */
function leftOut(outcome: Outcome): Outcome {
  if (outcome.state !== 'skipped' || outcome.message !== null) return outcome;
  return { ...outcome, message: 'not of the name that was asked for' };
}

async function readReport(path: string, failure: string | null): Promise<RunReport> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as RunReport;
  } catch (error) {
    const message = failure === null ? `there is no report: ${String(error)}` : `vitest ${failure}`;
    return { outcomes: [outside(message)], files: 0 };
  }
}

function outside(message: string): Outcome {
  return { file: 'no file', name: 'outside of the tests', state: 'failed', place: 'no file', message };
}
