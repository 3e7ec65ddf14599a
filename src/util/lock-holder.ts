import { runtime } from '../runtime/runtime.js';
import type { Fencing } from './fencing.js';
import { randomHex } from './random.js';

/** The process that holds a lock. `place` says where its process id is valid: one boot and one pid namespace. */
export type Holder = {
  readonly pid: number;
  readonly started: string;
  readonly host: string;
  readonly place: string;
  readonly nonce: string;
  readonly fencing?: Fencing;
};

/** Returns the holder that a lock file names. Null if it names none. */
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

/**
 * Whether the process of a holder still runs. Call it only for a holder of this {@link processIdScope}. The start time
 * is compared too, because another process may have the id by now.
 */
export async function isRunning({ pid, started }: Holder): Promise<boolean> {
  if (!runtime().machine.hasProcess(pid)) return false;
  const status = await processStatus(pid);
  return status === null || (status.started === started && !status.zombie);
}

/**
 * The nonces of holders that are this process, for things that other machines can also reach, until it gives them up.
 */
export const namedHere = new Set<string>();

/** Whether a holder lives, as far as this process can see. A holder that is this process lives until it gives up. */
export async function lifeHere(holder: Holder | null): Promise<'alive' | 'dead' | 'unknown'> {
  if (holder?.place !== (await processIdScope())) return 'unknown';
  if (!(await isRunning(holder))) return 'dead';
  return holder.pid === runtime().machine.pid && !namedHere.has(holder.nonce) ? 'dead' : 'alive';
}

/** Describes this process as a holder, under a leadership if there is one. */
export async function describeMyself(fencing: Fencing | undefined): Promise<Holder> {
  const { pid, name } = runtime().machine;
  return {
    pid,
    started: (await processStatus(pid))?.started ?? '',
    host: name,
    place: await processIdScope(),
    nonce: randomHex(8),
    ...(fencing === undefined ? {} : { fencing }),
  };
}

/**
 * Returns a process's start time (clock ticks since the machine's boot) and whether it is a zombie. Null if there is no
 * /proc or the process is hidden.
 */
async function processStatus(pid: number): Promise<{ started: string; zombie: boolean } | null> {
  try {
    const text = String(await runtime().disk.readFile(`/proc/${String(pid)}/stat`));
    // The second field is the program's name in brackets. It may contain spaces and brackets itself (proc(5)).
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    const started = fields[19];
    return started === undefined ? null : { started, zombie: fields[0] === 'Z' };
  } catch {
    return null;
  }
}

/**
 * Returns where the ids of this machine's processes are valid, as this process sees them: boot and pid namespace.
 * Without /proc it is the machine's name.
 */
export async function processIdScope(): Promise<string> {
  const { disk, machine } = runtime();
  try {
    const [boot, namespace] = await Promise.all([
      disk.readFile('/proc/sys/kernel/random/boot_id'),
      disk.readLink('/proc/self/ns/pid'),
    ]);
    return `${String(boot).trim()}/${namespace}`;
  } catch {
    return machine.name;
  }
}

/** Describes a holder for messages. */
export function describeHolder({ pid, host }: Holder): string {
  const own = runtime().machine;
  if (pid === own.pid && host === own.name) return `this process (pid ${String(pid)})`;
  return `process ${String(pid)} on ${host}`;
}
