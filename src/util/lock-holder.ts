import { randomBytes } from 'node:crypto';
import { readFile, readlink } from 'node:fs/promises';
import { hostname } from 'node:os';

import { hasSystemCode } from './errors.js';
import type { Fencing } from './fencing.js';

/** Who holds a lock. `place` is where process ids mean the same thing: one boot, one pid namespace. */
export type Holder = {
  readonly pid: number;
  readonly started: string;
  readonly host: string;
  readonly place: string;
  readonly nonce: string;
  readonly fencing?: Fencing;
};

/** The holder that a lock file names; null when it names none. */
export function parseHolder(text: string): Holder | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  if (!(value instanceof Object)) return null;
  const { pid, started, host, place, nonce, fencing } = value as Partial<Record<keyof Holder, unknown>>;
  if (typeof pid !== 'number' || !Number.isSafeInteger(pid) || pid <= 0) return null;
  if (typeof started !== 'string' || typeof host !== 'string' || typeof place !== 'string') return null;
  if (typeof nonce !== 'string' || !/^[0-9a-f]+$/.test(nonce)) return null;
  const under = parseFencing(fencing);
  return { pid, started, host, place, nonce, ...(under === null ? {} : { fencing: under }) };
}

function parseFencing(value: unknown): Fencing | null {
  if (!(value instanceof Object)) return null;
  const { stream, token } = value as Partial<Record<keyof Fencing, unknown>>;
  return typeof stream === 'string' && typeof token === 'number' ? { stream, token } : null;
}

/** Whether a holder of this place still runs: another process may have its id by now. */
export async function isRunning({ pid, started }: Holder): Promise<boolean> {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if (hasSystemCode(error, 'ESRCH')) return false;
  }
  const status = await processStatus(pid);
  return status === null || (status.started === started && !status.zombie);
}

/** This process, as a holder under that leadership. */
export async function describeMyself(fencing: Fencing | undefined): Promise<Holder> {
  return {
    pid: process.pid,
    started: (await processStatus(process.pid))?.started ?? '',
    host: hostname(),
    place: await placeOfPids(),
    nonce: randomBytes(8).toString('hex'),
    ...(fencing === undefined ? {} : { fencing }),
  };
}

/** Start time (clock ticks since the machine's boot) of a process; null where there is no /proc or it is hidden. */
async function processStatus(pid: number): Promise<{ started: string; zombie: boolean } | null> {
  try {
    const text = await readFile(`/proc/${String(pid)}/stat`, 'utf8');
    // The second field is the program's name in brackets and may itself hold blanks and brackets.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    const started = fields[19];
    return started === undefined ? null : { started, zombie: fields[0] === 'Z' };
  } catch {
    return null;
  }
}

/** Where the process ids of this process mean something. */
export async function placeOfPids(): Promise<string> {
  try {
    const [boot, namespace] = await Promise.all([
      readFile('/proc/sys/kernel/random/boot_id', 'utf8'),
      readlink('/proc/self/ns/pid'),
    ]);
    return `${boot.trim()}/${namespace}`;
  } catch {
    return hostname();
  }
}

/** A holder, for messages. */
export function nameOf({ pid, host }: Holder): string {
  if (pid === process.pid && host === hostname()) return `this process (pid ${String(pid)})`;
  return `process ${String(pid)} on ${host}`;
}
