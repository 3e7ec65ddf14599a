import { dirname } from 'node:path';

import { runtime } from '../runtime/runtime.js';
import { epochMs, every, monotonicMs, pause, uptimeMs } from './clock.js';
import { withFile } from './durable.js';
import { type ErrorCode, hasSystemCode, WaymarkError, messageOf } from './errors.js';
import type { Fencing } from './fencing.js';
import { foreignOwnerOf, ownUser } from './file-owner.js';
import { LockGate } from './lock-gate.js';
import {
  describeMyself,
  type Holder,
  isRunning,
  describeHolder,
  parseHolder,
  processIdScope,
} from './lock-holder.js';
import { randomHex } from './random.js';

/** A lock that this process holds. */
export type ProcessLock = {
  /**
   * Runs something that writes what the lock protects. Nobody takes the lock over while it runs.
   * @throws WaymarkError, without running it: `not-leader` when the lock has been taken over; the lock's own code when
   *   it can't be told whether it has.
   */
  guard<T>(write: () => Promise<T>): Promise<T>;
  /** Gives the lock up; a second call does nothing. Never rejects: what is left behind is taken over later. */
  release(): Promise<void>;
};

/** How a lock is spoken of when it can't be had. */
export type ProcessLockOptions = {
  /** Code of the WaymarkError when the lock can't be had. */
  readonly code: ErrorCode;
  /** What the lock protects, for the message: `the file /var/lib/waymark/audit.ndjson`. */
  readonly subject: string;
  /** The leadership under which it is taken; none: nobody takes it over while this process lives. */
  readonly fencing?: Fencing;
  /**
   * Has a write of the holder before, who is frozen in the middle of it or whom we can't see, reach nothing of ours any
   * more when it goes on. Without it an earlier leader keeps the lock until he goes on or is dead.
   */
  readonly detach?: () => Promise<void>;
};

/** The holder touches its lock file this often, for those who can't see its process. */
const heartbeatMs = 5_000;
/** A holder that can't be seen is dead when it hasn't touched its lock for this long. */
const silentMs = 30_000;
/** A holder that could not touch it for so long makes sure of its lock before it writes. */
const overdueMs = silentMs / 2;
/** A write of a living holder is waited for so long. */
const writeEndsMs = 2_000;
/** Who has been taken over waits so long for his successor's lock, to tell the operator who that is. */
const successorShowsMs = 2_000;
const pollMs = 50;
/** Nobody else has to know who we are. */
const lockMode = 0o600;

/**
 * Takes an exclusive lock between processes: a file created exclusively, naming its holder.
 *
 * A lock whose process is dead is taken over at once (pid and start time are compared, so that a recycled pid doesn't
 * count as alive). A holder in another container or on another machine can't be looked up: it counts as dead once its
 * lock file hasn't been touched for 30 seconds, unless it holds the lock under a later leadership than ours. It may only
 * be frozen, or cut off from a network file system, and go on later: so what it writes then is detached (see `detach`),
 * and it finds out before its next write, since it hasn't touched its lock for long. What this can't do is stop it in
 * the middle of a write: where nothing can be detached, both may write (docs/limits.md, Locks).
 *
 * Under a leadership it is also taken over from a living process that holds it under an earlier leadership of the same
 * stream: that one's next `guard` is refused, be it that it was frozen and has slept through everything. A write of
 * its that is under way is waited for, since nobody can stop it; if it is frozen in the middle, see `detach`.
 *
 * @param path the lock file; its folder must exist.
 * @throws WaymarkError with the caller's code when a living process holds the lock, or the file can't be written.
 */
export async function acquireProcessLock(path: string, options: ProcessLockOptions): Promise<ProcessLock> {
  try {
    return await acquire(path, options);
  } catch (error) {
    throw error instanceof WaymarkError ? error : await notLockable(path, options, error);
  }
}

/**
 * The error that taking the lock would be refused with now, because a living process holds it; null: it can be had.
 * @throws WaymarkError with the caller's code when the lock file can't be read.
 */
export async function heldLock(
  path: string,
  options: Pick<ProcessLockOptions, 'code' | 'subject'>,
): Promise<WaymarkError | null> {
  try {
    const found = await readLock(path);
    if (found === null || (await lifeOf(found, undefined)) !== 'alive') return null;
    return refusal(path, options, found.holder);
  } catch (error) {
    throw await notLockable(path, options, error);
  }
}

async function acquire(path: string, options: ProcessLockOptions): Promise<ProcessLock> {
  const holder = await describeMyself(options.fencing);
  const mine = JSON.stringify(holder);
  // Before the lock itself: a lock whose gate is missing is one that was taken over.
  const gate = options.fencing === undefined ? null : await LockGate.create(path, holder.nonce);
  try {
    while (!(await createExclusively(path, mine))) await makeWay(path, options);
  } catch (error) {
    await gate?.remove();
    throw error;
  }
  return hold(path, mine, gate, options);
}

/** Removes the lock of somebody who is dead or has been taken over; throws when it can't be had. */
async function makeWay(path: string, options: ProcessLockOptions): Promise<void> {
  const found = await readLock(path);
  if (found === null) return;
  const { holder } = found;
  const life = await lifeOf(found, options.fencing);
  if (life === 'alive' && !isEarlier(holder?.fencing, options.fencing)) throw refusal(path, options, holder);
  const theirs = holder?.fencing === undefined ? null : LockGate.of(path, holder.nonce);
  if (theirs !== null && !(await closeGate(theirs, path, found.text, life, options.detach))) {
    if ((await readLock(path))?.text !== found.text || options.detach !== undefined) return;
    throw refusal(path, options, holder, ' and in the middle of a write (frozen?)');
  }
  // Two processes may find the same dead lock at the same time, and the slower one must not remove the lock that
  // the faster one has taken in between. So the right to remove it is itself a lock, named after the dead holder.
  const { code, subject } = options;
  const guard = await acquire(`${path}.${holder?.nonce ?? 'unreadable'}`, { code, subject });
  try {
    if ((await readLock(path))?.text !== found.text) return;
    // It has no gate that would stop it.
    if (theirs === null && life !== 'dead') await options.detach?.();
    await runtime().disk.unlink(path);
    await theirs?.remove();
  } finally {
    await guard.release();
  }
}

function isEarlier(theirs: Fencing | undefined, ours: Fencing | undefined): boolean {
  if (theirs === undefined || ours === undefined) return false;
  return theirs.stream === ours.stream && theirs.token < ours.token;
}

/** Whether the holder can write no more; false: a living one's write did not end in time, or it is gone by itself. */
async function closeGate(
  gate: LockGate,
  path: string,
  text: string,
  life: Life,
  detach: (() => Promise<void>) | undefined,
): Promise<boolean> {
  const until = monotonicMs() + writeEndsMs;
  while (!(await gate.take())) {
    // The write of a dead process is over.
    if (life === 'dead') return true;
    if ((await readLock(path))?.text !== text) return false;
    // Nobody has made it, or it is gone: there is nobody inside, and no way in.
    if (life === 'silent' && !(await gate.isBusy()) && !(await gate.take())) return true;
    // Who has been silent for so long is not waited for.
    if (life === 'silent' || monotonicMs() > until) {
      if (detach === undefined || !(await gate.seize())) return false;
      await detach();
      await gate.seized();
      return true;
    }
    await pause(pollMs);
  }
  return true;
}

function hold(
  path: string,
  mine: string,
  gate: LockGate | null,
  { code, subject, fencing }: ProcessLockOptions,
): ProcessLock {
  const pulse = new Pulse(path, mine);
  const heartbeat = every(heartbeatMs, () => {
    // What stands in the way is said when something is to be written.
    pulse.beat().catch(() => undefined);
  });
  heartbeat.unref();
  const foreseen = async <T>(ask: () => Promise<T>): Promise<T> => {
    try {
      return await ask();
    } catch (error) {
      throw new WaymarkError(
        code,
        `cannot tell whether ${subject} is still locked: ${messageOf(error)} (${path})`,
        {
          cause: error,
          details: { lock: path },
        },
      );
    }
  };
  let released: Promise<void> | null = null;
  const release = async (): Promise<void> => {
    heartbeat.cancel();
    try {
      // Whoever has taken it over has removed it, too.
      if (gate !== null && !(await gate.enter())) return;
      if ((await readLock(path))?.text === mine) await runtime().disk.unlink(path);
      await gate?.remove();
    } catch {
      // Left behind: it names a process that will be dead, which is as good as removed.
    }
  };
  return {
    async guard(write) {
      const entered = await foreseen(async () => {
        if (!(await pulse.isOurs())) return false;
        return gate === null || gate.enter();
      });
      if (!entered) throw await takenOver(path, mine, subject, fencing);
      try {
        return await write();
      } finally {
        if (gate !== null) await foreseen(() => gate.leave());
      }
    },
    release: () => (released ??= release()),
  };
}

/** Keeps a lock file young, and notices when it isn't ours any more. */
class Pulse {
  readonly #path: string;
  readonly #mine: string;
  #beatAtMs = uptimeMs();
  #ours = true;

  constructor(path: string, mine: string) {
    this.#path = path;
    this.#mine = mine;
  }

  async beat(): Promise<void> {
    if (!this.#ours) return;
    const found = await readLock(this.#path);
    // Gone with its folder, or taken over by somebody who took us for dead.
    this.#ours = found?.text === this.#mine;
    if (!this.#ours) return;
    await runtime().disk.touch(this.#path, epochMs());
    this.#beatAtMs = uptimeMs();
  }

  /** Whether it is ours still; looked at when we have been silent for long: frozen, suspended, or cut off from it. */
  async isOurs(): Promise<boolean> {
    if (uptimeMs() - this.#beatAtMs > overdueMs) await this.beat();
    return this.#ours;
  }
}

async function takenOver(
  path: string,
  mine: string,
  subject: string,
  fencing: Fencing | undefined,
): Promise<WaymarkError> {
  const now = await successorOf(path, mine);
  const token = fencing?.token ?? 0;
  const isGone = now === null && (await readLock(path).catch(() => null)) === null;
  const who = now === null ? 'another agent' : describeHolder(now);
  const what = isGone ? `has lost its lock: ${path} is gone, or its folder` : `was taken over by ${who}`;
  return new WaymarkError(
    'not-leader',
    `${subject} ${what}${now?.fencing ? ` under fencing token ${now.fencing.token}` : ''}: ` +
      `nothing is written to it any more under the older token ${token}`,
    { details: { lock: path, token, newerToken: now?.fencing?.token ?? null } },
  );
}

/**
 * Who has the lock after us; null when nobody shows up in time. Our gate is closed a few steps before the new lock is
 * there: until then our own stands in its place, or none.
 */
async function successorOf(path: string, mine: string): Promise<Holder | null> {
  const until = monotonicMs() + successorShowsMs;
  for (;;) {
    const found = await readLock(path).catch(() => null);
    if (found?.text !== mine && found?.holder) return found.holder;
    if (monotonicMs() > until) return null;
    await pause(pollMs);
  }
}

/** Creates the file with its whole content in one step, so that nobody ever sees a lock without a holder. */
async function createExclusively(path: string, content: string): Promise<boolean> {
  const { disk, machine } = runtime();
  const draft = `${path}.${String(machine.pid)}-${randomHex(4)}`;
  try {
    await disk.writeNewFile(draft, content, lockMode);
    try {
      await disk.link(draft, path);
    } catch (error) {
      if (!hasSystemCode(error, 'EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS')) throw error;
      // A file system without hard links: the next best.
      await disk.writeNewFile(path, content, lockMode);
    }
    return true;
  } catch (error) {
    if (hasSystemCode(error, 'EEXIST')) return false;
    throw error;
  } finally {
    await disk.unlink(draft).catch(() => undefined);
  }
}

type FoundLock = { readonly text: string; readonly holder: Holder | null; readonly touchedMs: number };

async function readLock(path: string): Promise<FoundLock | null> {
  try {
    return await withFile(await runtime().disk.open(path, 'read'), async (file) => {
      // Of the opened file: on NFS its attributes are asked for anew then, and else may be a minute old (nfs(5)).
      const { changedMs } = await file.status();
      const text = String(await file.readFile());
      return { text, holder: parseHolder(text), touchedMs: changedMs };
    });
  } catch (error) {
    if (hasSystemCode(error, 'ENOENT')) return null;
    throw error;
  }
}

/** Whether a holder lives: `silent` is one that can't be looked up and hasn't been heard of for long. */
type Life = 'alive' | 'silent' | 'dead';

async function lifeOf({ holder, touchedMs }: FoundLock, ours: Fencing | undefined): Promise<Life> {
  if (holder?.place !== (await processIdScope())) {
    // Clocks of machines may differ: whoever holds it under a later leadership than ours is not ours to judge.
    return epochMs() - touchedMs < silentMs || isEarlier(ours, holder?.fencing) ? 'alive' : 'silent';
  }
  return (await isRunning(holder)) ? 'alive' : 'dead';
}

/** Says whose the lock file or its folder is, where that stands in the way, and what to do about it. */
async function notLockable(
  path: string,
  { code, subject }: Pick<ProcessLockOptions, 'code' | 'subject'>,
  error: unknown,
): Promise<WaymarkError> {
  const options = { cause: error, details: { lock: path } };
  const reason = messageOf(error);
  if (!hasSystemCode(error, 'EACCES', 'EPERM')) {
    const message = `cannot lock ${subject}: ${reason} (the lock file ${path} must be writable)`;
    return new WaymarkError(code, message, options);
  }
  const [lockOwner, folderOwner, us] = await Promise.all([
    foreignOwnerOf(path),
    foreignOwnerOf(dirname(path)),
    ownUser(),
  ]);
  const advice =
    lockOwner !== null
      ? `the lock file ${path} belongs to ${lockOwner}, and this process runs as ${us}. If no agent of that user ` +
        'runs any more, remove the file as that user; then start the agent as the same user each time'
      : `the folder ${dirname(path)} belongs to ${folderOwner ?? us}, and this process runs as ${us}: the lock file ` +
        `${path} must be writable there`;
  return new WaymarkError(code, `cannot lock ${subject}: ${advice} (${reason})`, options);
}

function refusal(
  path: string,
  { code, subject }: Pick<ProcessLockOptions, 'code' | 'subject'>,
  holder: Holder | null,
  doing = '',
): WaymarkError {
  const who = holder === null ? 'another process' : describeHolder(holder);
  return new WaymarkError(
    code,
    `${subject} is in use by ${who}${doing}: stop that one first, or give this one a place of its own (lock file ${path})`,
    { details: { lock: path, ...(holder === null ? {} : { pid: holder.pid, host: holder.host }) } },
  );
}
