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
   * Runs a write to what the lock protects. Nobody takes the lock over while it runs.
   * @throws WaymarkError without running it: `not-leader` if the lock was taken over, the lock's own code if that can't
   *   be told.
   */
  guard<T>(write: () => Promise<T>): Promise<T>;
  /** Gives the lock up. A second call does nothing. Never rejects: another process takes over what is left behind. */
  release(): Promise<void>;
};

/** What a lock protects, and what happens if it can't be taken. */
export type ProcessLockOptions = {
  /** The code of the WaymarkError if the lock can't be taken. */
  readonly code: ErrorCode;
  /** What the lock protects, for the message: `the file /var/lib/waymark/audit.ndjson`. */
  readonly subject: string;
  /** The leadership that takes the lock. Without one, nobody takes the lock over while this process lives. */
  readonly fencing?: Fencing;
  /**
   * Makes sure that a write of the previous holder can't reach the protected file any more, if that write continues
   * later. Needed if that holder is frozen in the middle of a write, or can't be seen. Without it, an earlier leader
   * keeps the lock until it continues or is dead.
   */
  readonly detach?: () => Promise<void>;
};

/** How often the holder touches its lock file, for processes that can't see the holder. */
const heartbeatMs = 5_000;
/** A holder that can't be seen counts as dead if it hasn't touched its lock file for this long. */
const silentMs = 30_000;
/** A holder that hasn't touched its lock file for this long checks that the lock is still its own before it writes. */
const overdueMs = silentMs / 2;
/** How long to wait for a write of a living holder. */
const writeEndsMs = 2_000;
/** How long a holder that was taken over waits for its successor's lock, to tell the operator who has it. */
const successorShowsMs = 2_000;
const pollMs = 50;
/** Nobody else needs to know who the holder is. */
const lockMode = 0o600;

/**
 * Takes an exclusive lock between processes: a file that is created exclusively and names its holder.
 *
 * A lock whose process is dead is taken over at once. Process id and start time are compared, so a reused id doesn't
 * count as alive.
 *
 * A holder in another container or on another machine can't be looked up. It counts as dead if it hasn't touched its
 * lock file for 30 seconds, unless it has a later leadership than this process. It may only be frozen or cut off from a
 * network file system, and continue later. So its write is detached (see `detach`), and it checks its lock before its
 * next write, because it hasn't touched the file for so long. It can't be stopped in the middle of a write. If nothing
 * can be detached, both may write (docs/limits.md, Locks).
 *
 * A leader also takes the lock over from a living process that holds it under an earlier leadership of the same stream.
 * The next `guard` of that process is refused, even if it was frozen all the time. If it is in the middle of a write,
 * that write is waited for, because nobody can stop it. If the process is frozen there, see `detach`.
 *
 * @param path the lock file. Its folder must exist.
 * @throws WaymarkError with the caller's code if a living process holds the lock, or the file can't be written.
 */
export async function acquireProcessLock(path: string, options: ProcessLockOptions): Promise<ProcessLock> {
  try {
    return await acquire(path, options);
  } catch (error) {
    throw error instanceof WaymarkError ? error : await notLockable(path, options, error);
  }
}

/**
 * Returns the error that taking the lock would cause now, because a living process holds it. Null if the lock is free.
 * @throws WaymarkError with the caller's code if the lock file can't be read.
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
  // Create the gate before the lock: a lock without a gate counts as taken over.
  const gate = options.fencing === undefined ? null : await LockGate.create(path, holder.nonce);
  try {
    while (!(await createExclusively(path, mine))) await makeWay(path, options);
  } catch (error) {
    await gate?.remove();
    throw error;
  }
  return hold(path, mine, gate, options);
}

/** Removes the lock of a holder that is dead or has been taken over. Throws if the holder keeps the lock. */
async function makeWay(path: string, options: ProcessLockOptions): Promise<void> {
  const found = await readLock(path);
  if (found === null) return;
  const { holder } = found;
  const life = await lifeOf(found, options.fencing);
  if (life === 'alive' && !isEarlier(holder?.fencing, options.fencing)) throw refusal(path, options, holder);
  const theirs = holder?.fencing === undefined ? null : LockGate.of(path, holder.nonce);
  if (theirs !== null && !(await closeGate(theirs, path, found.text, life, options.detach))) {
    if ((await readLock(path))?.text !== found.text || options.detach !== undefined) return;
    throw refusal(path, options, holder, ', which is in the middle of a write and may be frozen');
  }
  // Two processes may find the same dead lock at the same time. The slower one must not remove the lock that the faster
  // one has just taken. So the right to remove it is a lock itself, named after the dead holder.
  const { code, subject } = options;
  const guard = await acquire(`${path}.${holder?.nonce ?? 'unreadable'}`, { code, subject });
  try {
    if ((await readLock(path))?.text !== found.text) return;
    // A holder without a gate can't be stopped by one.
    if (theirs === null && life !== 'dead') await options.detach?.();
    await removeIfThere(path);
    await theirs?.remove();
  } finally {
    await guard.release();
  }
}

/** A holder that was giving the lock up when its gate was seized may remove it first. */
async function removeIfThere(path: string): Promise<void> {
  try {
    await runtime().disk.unlink(path);
  } catch (error) {
    if (!hasSystemCode(error, 'ENOENT')) throw error;
  }
}

function isEarlier(theirs: Fencing | undefined, ours: Fencing | undefined): boolean {
  if (theirs === undefined || ours === undefined) return false;
  return theirs.stream === ours.stream && theirs.token < ours.token;
}

/**
 * Whether the holder can't write any more. False if a living holder's write didn't end in time, or if the lock has
 * gone.
 */
async function closeGate(
  gate: LockGate,
  path: string,
  text: string,
  life: Life,
  detach: (() => Promise<void>) | undefined,
): Promise<boolean> {
  const until = monotonicMs() + writeEndsMs;
  while (!(await gate.take())) {
    // A dead process has no write under way.
    if (life === 'dead') return true;
    if ((await readLock(path))?.text !== text) return false;
    // There is no gate, or it has gone. So the holder isn't inside, and can't go in.
    if (life === 'silent' && !(await gate.isBusy()) && !(await gate.take())) return true;
    // A holder that has been silent for so long is not waited for.
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
    // If the lock file can't be touched, the next write says so.
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
      // A process that took the lock over has also removed it.
      if (gate !== null && !(await gate.enter())) return;
      if ((await readLock(path))?.text === mine) await runtime().disk.unlink(path);
      await gate?.remove();
    } catch {
      // Leave the file behind: it will name a dead process, so the next process takes it over.
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

/** Keeps a lock file fresh, and notices when another process has taken it. */
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
    // The file has gone with its folder, or another process took this one for dead.
    this.#ours = found?.text === this.#mine;
    if (!this.#ours) return;
    await runtime().disk.touch(this.#path, epochMs());
    this.#beatAtMs = uptimeMs();
  }

  /**
   * Whether the lock is still this process's own. Looks again if the last touch is long ago: the process was frozen,
   * suspended, or cut off from the file.
   */
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
      `this process writes nothing more to it under the older token ${token}`,
    { details: { lock: path, token, newerToken: now?.fencing?.token ?? null } },
  );
}

/**
 * Returns the holder after this process. Null if none shows up in time. This process's gate is closed shortly before
 * the new lock appears: until then the old lock file is there, or none.
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
      // This file system has no hard links. Exclusive creation is the next best thing.
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
      // Ask the open file: NFS fetches its attributes anew then. By path they may be a minute old (nfs(5)).
      const { changedMs } = await file.status();
      const text = String(await file.readFile());
      return { text, holder: parseHolder(text), touchedMs: changedMs };
    });
  } catch (error) {
    if (hasSystemCode(error, 'ENOENT')) return null;
    throw error;
  }
}

/** Whether a holder lives. `silent`: it can't be looked up, and hasn't touched its lock file for long. */
type Life = 'alive' | 'silent' | 'dead';

async function lifeOf({ holder, touchedMs }: FoundLock, ours: Fencing | undefined): Promise<Life> {
  if (holder?.place !== (await processIdScope())) {
    // The machines' clocks may differ. So this process doesn't judge a holder with a later leadership than its own.
    return epochMs() - touchedMs < silentMs || isEarlier(ours, holder?.fencing) ? 'alive' : 'silent';
  }
  return (await isRunning(holder)) ? 'alive' : 'dead';
}

/** Says who owns the lock file or its folder, if that is the obstacle, and what to do about it. */
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
        'still runs, remove the file as that user. Start the agent as the same user each time'
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
    `${subject} is in use by ${who}${doing}: stop that process first, or give this one its own path (lock file ${path})`,
    { details: { lock: path, ...(holder === null ? {} : { pid: holder.pid, host: holder.host }) } },
  );
}
