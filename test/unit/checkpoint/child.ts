import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** A TypeScript program in a process of its own. */
export type Child = {
  readonly pid: number;
  /** Lines of its output so far. */
  readonly lines: readonly string[];
  /** Resolves at the first line that fulfils the condition; rejects when the process ends before. */
  line(condition: (line: string) => boolean): Promise<string>;
  /** Writes a line to its stdin. */
  tell(line: string): void;
  kill(): Promise<void>;
  /** Exit code (null after a signal) and what it wrote to stderr. */
  readonly ended: Promise<{ code: number | null; errors: string }>;
};

/** Starts `program`, which is killed after a minute at the latest. */
export function startChild(program: URL, args: readonly string[]): Child {
  const child: ChildProcess = spawn(process.execPath, ['--import', 'tsx', fileURLToPath(program), ...args], {
    stdio: ['pipe', 'pipe', 'pipe'],
    // Where the loader is found, wherever the tests are started.
    cwd: fileURLToPath(new URL('.', program)),
    timeout: 60_000,
    killSignal: 'SIGKILL',
  });
  if (child.stdin === null || child.stdout === null || child.stderr === null) throw new Error('no pipes');
  const lines: string[] = [];
  const reader = createInterface(child.stdout);
  reader.on('line', (line) => lines.push(line));
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text));
  const ended = once(child, 'close').then(() => ({ code: child.exitCode, errors }));
  const line = async (condition: (line: string) => boolean): Promise<string> => {
    for (;;) {
      const found = lines.find(condition);
      if (found !== undefined) return found;
      const outcome = await Promise.race([once(reader, 'line'), ended]);
      if (!Array.isArray(outcome) && lines.find(condition) === undefined) {
        throw new Error(`the process ended with ${String(outcome.code)}: ${outcome.errors}`);
      }
    }
  };
  const { stdin } = child;
  const tell = (text: string): void => {
    stdin.write(`${text}\n`);
  };
  const kill = async (): Promise<void> => {
    child.kill('SIGKILL');
    await ended;
  };
  return { pid: child.pid ?? 0, lines, line, tell, kill, ended };
}
