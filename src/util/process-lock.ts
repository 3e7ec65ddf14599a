import { randomBytes } from 'node:crypto';
import { link, readFile, readlink, stat, unlink, utimes, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';

import { type ErrorCode, WaymarkError, messageOf } from './errors.js';

/** A lock that this process holds. */
export type ProcessLock = {
  /** Gives the lock up; a second call does nothing. Never rejects: what is left behind is taken over later. */
  release(): Promise<void>;
};

/** How a lock is spoken of when it can't be had. */
export type ProcessLockOptions = {
  /** Code of the WaymarkError when the lock can't be had. */
  readonly code: ErrorCode;
  /** What the lock protects, for the message: `the file /var/lib/waymark/audit.ndjson`. */
  readonly subject: string;
};

/** What stands in a lock file. `place` is where process ids mean the same thing: one boot, one pid namespace. */
type Holder = {
  readonly pid: number;
  readonly started: string;
  readonly host: string;
  readonly place: string;
  readonly nonce: string;
};

/** The holder touches its lock file this often, for those who can't see its process. */
const heartbeatMs = 5_000;
/** A holder that can't be seen is dead when it hasn't touched its lock for this long. */
const silentMs = 30_000;

/**
 * Takes an exclusive lock between processes: a file created exclusively, naming its holder.
 *
 * A lock whose process is dead is taken over at once (pid and start time are compared, so that a recycled pid doesn't
 * count as alive). A holder in another container or on another machine can't be looked up: it counts as dead once its
 * lock file hasn't been touched for 30 seconds.
 *
 * @param path the lock file; its folder must exist.
 * @throws WaymarkError with the caller's code when a living process holds the lock, or the file can't be written.
 */
export async function acquireProcessLock(path: string, options: ProcessLockOptions): Promise<ProcessLock> {
  try {
    return await acquire(path, options);
  } catch (error) {
    if (error instanceof WaymarkError) throw error;
    throw new WaymarkError(
      options.code,
      `cannot lock ${options.subject}: ${messageOf(error)} (the lock file ${path} must be writable)`,
      { cause: error, details: { lock: path } },
    );
  }
}

async function acquire(path: string, options: ProcessLockOptions): Promise<ProcessLock> {
  const mine = JSON.stringify(await describeMyself());
  while (!(await createExclusively(path, mine))) {
    const found = await readLock(path);
    if (found === null) continue;
    if (await isAlive(found)) throw refusal(path, options, found.holder);
    // Two processes may find the same dead lock at the same time, and the slower one must not remove the lock that
    // the faster one has taken in between. So the right to remove it is itself a lock, named after the dead holder.
    const guard = await acquire(`${path}.${found.holder?.nonce ?? 'unreadable'}`, options);
    try {
      if ((await readLock(path))?.text === found.text) await unlink(path);
    } finally {
      await guard.release();
    }
  }
  return hold(path, mine);
}

function hold(path: string, mine: string): ProcessLock {
  const heartbeat = setInterval(() => {
    const now = new Date();
    // Fails when the folder is gone; then there is nothing left to protect.
    utimes(path, now, now).catch(() => undefined);
  }, heartbeatMs);
  heartbeat.unref();
  let released: Promise<void> | null = null;
  const release = async (): Promise<void> => {
    clearInterval(heartbeat);
    try {
      if ((await readLock(path))?.text === mine) await unlink(path);
    } catch {
      // Left behind: it names a process that will be dead, which is as good as removed.
    }
  };
  return { release: () => (released ??= release()) };
}

/** Creates the file with its whole content in one step, so that nobody ever sees a lock without a holder. */
async function createExclusively(path: string, content: string): Promise<boolean> {
  const draft = `${path}.${String(process.pid)}-${randomBytes(4).toString('hex')}`;
  try {
    await writeFile(draft, content, { flag: 'wx' });
    try {
      await link(draft, path);
    } catch (error) {
      if (!isErrno(error, 'EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS')) throw error;
      // A file system without hard links: the next best.
      await writeFile(path, content, { flag: 'wx' });
    }
    return true;
  } catch (error) {
    if (isErrno(error, 'EEXIST')) return false;
    throw error;
  } finally {
    await unlink(draft).catch(() => undefined);
  }
}

type FoundLock = { readonly text: string; readonly holder: Holder | null; readonly touchedMs: number };

async function readLock(path: string): Promise<FoundLock | null> {
  try {
    const [text, { mtimeMs }] = await Promise.all([readFile(path, 'utf8'), stat(path)]);
    return { text, holder: parseHolder(text), touchedMs: mtimeMs };
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return null;
    throw error;
  }
}

function parseHolder(text: string): Holder | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  if (!(value instanceof Object)) return null;
  const { pid, started, host, place, nonce } = value as Partial<Record<keyof Holder, unknown>>;
  if (typeof pid !== 'number' || !Number.isSafeInteger(pid) || pid <= 0) return null;
  if (typeof started !== 'string' || typeof host !== 'string' || typeof place !== 'string') return null;
  if (typeof nonce !== 'string' || !/^[0-9a-f]+$/.test(nonce)) return null;
  return { pid, started, host, place, nonce };
}

async function isAlive({ holder, touchedMs }: FoundLock): Promise<boolean> {
  if (holder?.place !== (await placeOfPids())) return Date.now() - touchedMs < silentMs;
  try {
    process.kill(holder.pid, 0);
  } catch (error) {
    if (isErrno(error, 'ESRCH')) return false;
  }
  const status = await processStatus(holder.pid);
  return status === null || (status.started === holder.started && !status.zombie);
}

async function describeMyself(): Promise<Holder> {
  return {
    pid: process.pid,
    started: (await processStatus(process.pid))?.started ?? '',
    host: hostname(),
    place: await placeOfPids(),
    nonce: randomBytes(8).toString('hex'),
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

async function placeOfPids(): Promise<string> {
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

function refusal(path: string, { code, subject }: ProcessLockOptions, holder: Holder | null): WaymarkError {
  const who =
    holder === null
      ? 'another process'
      : holder.pid === process.pid && holder.host === hostname()
        ? `this process (pid ${String(holder.pid)})`
        : `process ${String(holder.pid)} on ${holder.host}`;
  return new WaymarkError(
    code,
    `${subject} is in use by ${who}: stop that one first, or give this one a place of its own (lock file ${path})`,
    { details: { lock: path, ...(holder === null ? {} : { pid: holder.pid, host: holder.host }) } },
  );
}

function isErrno(error: unknown, ...codes: string[]): boolean {
  return (
    error instanceof Error && 'code' in error && typeof error.code === 'string' && codes.includes(error.code)
  );
}
