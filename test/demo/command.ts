import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { acquit, entrust } from '../servers/reaper.js';

const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

/** A line of waymark's log. */
export type LogEvent = Readonly<Record<string, unknown>> & { readonly event: string };

const keptLines = 15;
const stopLimitMs = 10_000;

/** A `waymark` command that goes on, as a process of its own, the way an operator would run it. */
export class RunningCommand {
  /** Resolves when the process has ended, with what it said last; never rejects. */
  readonly ended: Promise<{ readonly code: number | null; readonly lastWords: string }>;
  readonly #child: ChildProcess;

  constructor(
    args: readonly string[],
    environment: Readonly<Record<string, string>>,
    onEvent: (event: LogEvent) => void,
  ) {
    // In a session of its own: an interrupt at the terminal is for the demo, which then stops this one in order.
    const child = spawn(process.execPath, [main, ...args], {
      detached: true,
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { ...process.env, NODE_OPTIONS: '', ...environment },
    });
    this.#child = child;
    const { pid } = child;
    if (pid !== undefined) entrust('process', pid);
    const lastWords: string[] = [];
    createInterface({ input: child.stderr }).on('line', (line) => {
      lastWords.push(line);
      if (lastWords.length > keptLines) lastWords.shift();
      const event = parseEvent(line);
      if (event !== null) onEvent(event);
    });
    this.ended = new Promise((resolve) => {
      child.once('error', (error) => {
        resolve({ code: null, lastWords: error.message });
      });
      child.once('close', (code) => {
        if (pid !== undefined) acquit('process', pid);
        resolve({ code, lastWords: lastWords.join('\n') });
      });
    });
  }

  /** Asks the process to end, and makes it end if it doesn't; gives its exit code. */
  async stop(): Promise<number | null> {
    this.#child.kill('SIGTERM');
    const over = new AbortController();
    const late = pause(stopLimitMs, undefined, { signal: over.signal }).then(
      () => this.#child.kill('SIGKILL'),
      () => undefined,
    );
    const { code } = await this.ended;
    over.abort();
    await late;
    return code;
  }
}

/** A line of the log as an event; null when it is none. */
export function parseEvent(line: string): LogEvent | null {
  try {
    const value: unknown = JSON.parse(line);
    const isEvent = typeof value === 'object' && value !== null && 'event' in value;
    return isEvent && typeof value.event === 'string' ? { ...value, event: value.event } : null;
  } catch {
    return null;
  }
}
