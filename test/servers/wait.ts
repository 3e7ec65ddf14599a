import { readdir, readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';

/** Asks again and again until the answer is neither undefined nor false; rejects at the deadline. */
export async function until<T>(
  what: string,
  ask: () => Promise<T | undefined | false>,
  { timeoutMs = 30_000, everyMs = 20 }: { timeoutMs?: number; everyMs?: number } = {},
): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const answer = await within(what, deadline - performance.now(), ask());
    if (answer !== undefined && answer !== false) return answer;
    // A question that is answered at once is never too slow by itself.
    if (performance.now() > deadline) throw new Error(`gave up waiting: ${what}`);
    await pause(everyMs);
  }
}

/** Rejects when something isn't done in time: a server that is frozen leaves questions without an answer. */
export async function within<T>(what: string, timeoutMs: number, work: Promise<T>): Promise<T> {
  const done = new AbortController();
  const timeout = pause(Math.max(0, timeoutMs), undefined, { signal: done.signal }).then(() => {
    throw new Error(`gave up waiting: ${what}`);
  });
  try {
    return await Promise.race([work, timeout]);
  } finally {
    timeout.catch(() => undefined);
    done.abort();
  }
}

/** Resolves when every thread of a process has stopped; at once where the system doesn't tell. */
export async function hasStopped(pid: number): Promise<void> {
  await until(`process ${pid} stands still`, async () => {
    const threads = await readdir(`/proc/${pid}/task`).catch(() => []);
    const states = await Promise.all(threads.map((thread) => stateOf(`/proc/${pid}/task/${thread}/stat`)));
    return states.every((state) => state === 'T' || state === undefined);
  });
}

/** The letter behind the name, which stands in parentheses and may contain anything. */
async function stateOf(file: string): Promise<string | undefined> {
  const text = await readFile(file, 'utf8').catch(() => '');
  return /\) (\S)[^)]*$/.exec(text)?.[1];
}

/** Whether something accepts TCP connections there. */
export function accepts(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const answer = (value: boolean) => {
      socket.destroy();
      resolve(value);
    };
    socket.once('connect', () => {
      answer(true);
    });
    socket.once('error', () => {
      answer(false);
    });
  });
}

/** The message of whatever was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
