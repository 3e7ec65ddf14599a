import { writeFileSync } from 'node:fs';
import { relative } from 'node:path';
import type { TestCase, TestModule, TestSpecification, TestSuite } from 'vitest/node';
import type { Reporter } from 'vitest/reporters';
import { progressLine } from './progress-line.js';
import type { Outcome, RunReport } from './report.js';

/** The environment variable that names the file which gets the report. */
export const reportVariable = 'WAYMARK_TEST_REPORT';
/** The environment variable that is set where another reporter tells of the tests: then this one reports at the end only. */
export const quietVariable = 'WAYMARK_TEST_QUIET';

/** How often the line is told: on a terminal it is written over. */
const periodMs = { terminal: 500, elsewhere: 30_000 } as const;
/** Of what a test printed so much is kept. */
const outputLength = 20_000;

type Failure = { readonly message?: string; readonly stack?: string; readonly stacks?: readonly Frame[] };
type Log = Parameters<NonNullable<Reporter['onUserConsoleLog']>>[0];
type Frame = { readonly file: string; readonly line: number };

/** One line of progress, what failed as soon as it has failed, and a report for the summary: see summary.ts. */
export default class ProgressReporter implements Reporter {
  readonly #began = performance.now();
  readonly #quiet = process.env[quietVariable] !== undefined;
  readonly #terminal = process.stdout.isTTY;
  readonly #outcomes: Outcome[] = [];
  readonly #running = new Set<string>();
  readonly #files = { ended: 0, all: 0 };
  /** What was printed, by the id of the test, the suite or the file. */
  readonly #output = new Map<string, string>();
  #timer: NodeJS.Timeout | null = null;

  onTestRunStart(specifications: readonly TestSpecification[]): void {
    this.#files.all = specifications.length;
    if (this.#quiet) return;
    const tell = (): void => {
      this.#showLine();
    };
    this.#timer = setInterval(tell, this.#terminal ? periodMs.terminal : periodMs.elsewhere).unref();
  }

  onTestModuleStart(module: TestModule): void {
    this.#running.add(pathOf(module));
  }

  onUserConsoleLog({ taskId = '', content }: Log): void {
    this.#output.set(taskId, ((this.#output.get(taskId) ?? '') + content).slice(-outputLength));
  }

  onTestCaseResult(test: TestCase): void {
    const result = test.result();
    const file = pathOf(test.module);
    const name = test.fullName;
    switch (result.state) {
      case 'passed':
      case 'failed':
        this.#add(test.id, { file, name, state: result.state }, result.errors ?? []);
        return;
      case 'skipped':
        this.#outcomes.push({ file, name, state: 'skipped', place: file, message: result.note ?? null });
        return;
      case 'pending':
        return;
    }
  }

  onTestSuiteResult(suite: TestSuite): void {
    const outcome = { file: pathOf(suite.module), name: suite.fullName, state: 'failed' } as const;
    if (suite.errors().length > 0) this.#add(suite.id, outcome, suite.errors());
  }

  onTestModuleEnd(module: TestModule): void {
    const file = pathOf(module);
    this.#running.delete(file);
    this.#files.ended += 1;
    const outcome = { file, name: 'the file as a whole', state: 'failed' } as const;
    if (module.errors().length > 0) this.#add(module.id, outcome, module.errors());
  }

  onTestRunEnd(_modules: readonly TestModule[], unhandled: readonly Failure[]): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    for (const error of unhandled) {
      this.#add('', { file: 'no file', name: 'an error outside of the tests', state: 'failed' }, [error]);
    }
    if (!this.#quiet) this.#showLine();
    if (!this.#quiet && this.#terminal) process.stdout.write('\n');
    const path = process.env[reportVariable];
    const report: RunReport = { outcomes: this.#outcomes, files: this.#files.ended };
    if (path !== undefined) writeFileSync(path, JSON.stringify(report));
  }

  /** A failure is told at once, with what the test has printed; what passes at its second try keeps why it didn't at first. */
  #add(
    id: string,
    { file, name, state }: Pick<Outcome, 'file' | 'name' | 'state'>,
    errors: readonly Failure[],
  ): void {
    const [error] = errors;
    const place = error === undefined ? file : placeOf(error, file);
    const message = error === undefined ? null : plain(error.message ?? 'an error without a message');
    this.#outcomes.push({ file, name, state, place, message });
    const output = this.#output.get(id);
    this.#output.delete(id);
    if (state !== 'failed' || this.#quiet) return;
    const stacks = errors.map((one) => plain(one.stack ?? one.message ?? '').replace(/^/gm, '    '));
    const printed = output === undefined ? [] : ['  it printed:', output.trimEnd().replace(/^/gm, '    ')];
    this.#print([`FAILED ${place}  ${name}`, ...stacks, ...printed].join('\n'));
  }

  /** A line that stays; the line of progress makes room for it. */
  #print(text: string): void {
    process.stdout.write(`${this.#terminal ? '\r\u001B[2K' : ''}${text}\n`);
  }

  #showLine(): void {
    const count = (state: Outcome['state']): number =>
      this.#outcomes.filter((outcome) => outcome.state === state).length;
    const line = progressLine(
      {
        elapsedMs: performance.now() - this.#began,
        files: this.#files,
        passed: count('passed'),
        failed: count('failed'),
        skipped: count('skipped'),
        running: [...this.#running],
      },
      this.#terminal ? process.stdout.columns : 160,
    );
    process.stdout.write(this.#terminal ? `\r\u001B[2K${line}` : `${line}\n`);
  }
}

function pathOf(module: TestModule): string {
  return relative(process.cwd(), module.moduleId);
}

/** The test file's own line where it is in the stack, else the first one of the project. */
function placeOf({ stacks = [] }: Failure, file: string): string {
  const frames = stacks.map((frame) => ({ ...frame, file: relative(process.cwd(), frame.file) }));
  const frame =
    frames.find((one) => one.file === file) ?? frames.find((one) => !one.file.startsWith('node_modules'));
  return frame === undefined ? file : `${frame.file}:${frame.line}`;
}

/** Without the colours of differences. */
function plain(text: string): string {
  // eslint-disable-next-line no-control-regex
  return text.replace(/\u001B\[[0-9;]*m/g, '');
}
