import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { clientEnvironment } from '../../support/zookeeper-client.js';

const main = fileURLToPath(new URL('../../../src/cli/main.ts', import.meta.url));
const built = fileURLToPath(new URL('../../../dist/cli/main.js', import.meta.url));
const root = fileURLToPath(new URL('../../..', import.meta.url));
/** No command of a test runs longer, unless it says so. */
const defaultLimitMs = 55_000;

/** How a command ended. */
export type CommandResult = { code: number | null; stdout: string; stderr: string };

/** A command that goes on. */
export type RunningCommand = {
  /** Resolves when the command has ended. */
  readonly ended: Promise<CommandResult>;
  /** Resolves when stderr holds a match; rejects when the command ends without one. */
  until(pattern: RegExp): Promise<void>;
  signal(name: NodeJS.Signals): void;
};

/** The command line as it stands in the sources, and as it is built, which starts faster. */
const programs = { source: ['--import', 'tsx', main], built: [built] } as const;

/** Starts the command line as a process of its own, with nothing of waymark's in the environment but what is given. */
export function startWaymark(
  args: readonly string[],
  environment: Record<string, string> = {},
  program: keyof typeof programs = 'source',
  limitMs = defaultLimitMs,
): RunningCommand {
  const inherited = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(WAYMARK_|VITEST|NODE_OPTIONS)/.test(name)),
  );
  const child = spawn(process.execPath, [...programs[program], ...args], {
    cwd: root,
    env: { ...inherited, NO_COLOR: '1', ...clientEnvironment(environment) },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: limitMs,
    killSignal: 'SIGKILL',
  });
  const output = { stdout: '', stderr: '' };
  const waiting = new Set<() => void>();
  child.stdout.on('data', (chunk: Buffer) => (output.stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => {
    output.stderr += chunk.toString();
    for (const look of waiting) look();
  });
  const ended = new Promise<CommandResult>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => {
      resolve({ code, ...output });
    });
  });
  return {
    ended,
    signal: (name) => child.kill(name),
    until: (pattern) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          if (!pattern.test(output.stderr)) return;
          waiting.delete(look);
          resolve();
        };
        waiting.add(look);
        look();
        void ended.then(({ code, stderr }) => {
          reject(new Error(`ended with ${String(code)} before ${String(pattern)}: ${stderr}`));
        });
      }),
  };
}

/** Runs the command line to its end. */
export function runWaymark(
  args: readonly string[],
  environment: Record<string, string> = {},
  program: keyof typeof programs = 'source',
  limitMs = defaultLimitMs,
): Promise<CommandResult> {
  return startWaymark(args, environment, program, limitMs).ended;
}

/** The one JSON document on stdout; fails when there is anything else. */
export function documentOf(result: CommandResult): Record<string, unknown> {
  const lines = result.stdout.split('\n');
  if (lines.length !== 2 || lines[1] !== '') {
    throw new Error(`not one document on stdout: ${result.stdout}\n${result.stderr}`);
  }
  return JSON.parse(lines[0] ?? '') as Record<string, unknown>;
}

/** The error in the one JSON document on stdout. */
export function errorOf(result: CommandResult): Record<string, unknown> & { code: string; message: string } {
  const { error } = documentOf(result);
  return error as Record<string, unknown> & { code: string; message: string };
}
