import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFile,
  chmod,
  copyFile,
  mkdir,
  mkdtemp,
  readFile,
  readdir,
  rename,
  rm,
  stat,
  unlink,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { nodeRuntime } from '../../../src/runtime/node.js';
import { runIn } from '../../../src/runtime/runtime.js';
import { WaymarkError } from '../../../src/util/errors.js';
import { LockGate } from '../../../src/util/lock-gate.js';
import { acquireProcessLock, type ProcessLock } from '../../../src/util/process-lock.js';
import { startChild } from '../checkpoint/child.js';

let folder: string;
let lock: string;
const options = { code: 'sink', subject: 'the file audit.ndjson' } as const;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'waymark-lock-'));
  lock = join(folder, 'audit.lock');
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

async function holderText(): Promise<Record<string, unknown>> {
  return JSON.parse(await readFile(lock, 'utf8')) as Record<string, unknown>;
}

test('a held lock is refused with the holder named, and free again after release', async () => {
  const first = await acquireProcessLock(lock, options);
  const error = await acquireProcessLock(lock, options).catch((e: unknown) => e);
  expect(error).toBeInstanceOf(WaymarkError);
  expect(error).toMatchObject({ code: 'sink' });
  expect(String(error)).toContain(`pid ${String(process.pid)}`);
  expect(String(error)).toContain(lock);
  await first.release();
  await first.release();
  await (await acquireProcessLock(lock, options)).release();
  expect(await readdir(folder)).toEqual([]);
});

test('nobody else can read who holds it', async () => {
  const held = await acquireProcessLock(lock, { ...options, fencing: { stream: 's', token: 1 } });
  try {
    const modes = await Promise.all(
      (await readdir(folder)).map(async (name) => (await stat(join(folder, name))).mode & 0o777),
    );
    expect(modes.length).toBeGreaterThan(1);
    expect(new Set(modes)).toEqual(new Set([0o600]));
  } finally {
    await held.release();
  }
});

test('the lock of a dead process is taken over by exactly one of many', async () => {
  const dead = spawn(process.execPath, ['-e', '']);
  await once(dead, 'exit');
  await (await acquireProcessLock(lock, options)).release();
  const held = await acquireProcessLock(lock, options);
  const text = await holderText();
  await held.release();
  await writeFile(lock, JSON.stringify({ ...text, pid: dead.pid, started: '1' }));

  const outcomes = await Promise.allSettled(
    Array.from({ length: 20 }, () => acquireProcessLock(lock, options)),
  );
  expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  expect(await readdir(folder)).toEqual(['audit.lock']);
});

test.runIf(process.platform === 'linux')('a recycled pid is not mistaken for the holder', async () => {
  const held = await acquireProcessLock(lock, options);
  const text = await holderText();
  await held.release();
  await writeFile(lock, JSON.stringify({ ...text, started: '1' }));
  await (await acquireProcessLock(lock, options)).release();
});

test('a holder that cannot be looked up counts as alive until its lock is 30 seconds old', async () => {
  await writeFile(
    lock,
    JSON.stringify({ pid: 1, started: '1', host: 'elsewhere', place: 'elsewhere', nonce: 'ab' }),
  );
  await expect(acquireProcessLock(lock, options)).rejects.toThrow('process 1 on elsewhere');
  const old = new Date(Date.now() - 31_000);
  await utimes(lock, old, old);
  await (await acquireProcessLock(lock, options)).release();
});

test('a holder elsewhere under a later leadership is never taken for dead: its clock may differ from ours', async () => {
  const holder = { pid: 1, started: '1', host: 'elsewhere', place: 'elsewhere', nonce: 'ab' };
  await writeFile(lock, JSON.stringify({ ...holder, fencing: { stream: 'shop', token: 7 } }));
  const old = new Date(Date.now() - 3_600_000);
  await utimes(lock, old, old);
  const under = (token: number) => ({ ...options, fencing: { stream: 'shop', token } });
  await expect(acquireProcessLock(lock, under(6))).rejects.toThrow('process 1 on elsewhere');
  await (await acquireProcessLock(lock, under(8))).release();
});

describe('a holder that cannot be looked up, and has been silent for long', () => {
  const child = new URL('lock-child.ts', import.meta.url);

  /** As if it were on another machine, and had been frozen for half a minute. */
  async function moveElsewhere(): Promise<void> {
    await writeFile(lock, JSON.stringify({ ...(await holderText()), place: 'elsewhere', host: 'far' }));
    const old = new Date(Date.now() - 31_000);
    await utimes(lock, old, old);
  }

  test('what it writes when it goes on in the middle of a write is detached, and it writes no more', async () => {
    const file = join(folder, 'file');
    const first = startChild(child, [lock, file, '1', 'inside']);
    await first.line((line) => line === 'inside');
    process.kill(first.pid, 'SIGSTOP');
    await moveElsewhere();
    const detach = async (): Promise<void> => {
      await copyFile(file, `${file}.copy`);
      await rename(`${file}.copy`, file);
    };
    const second = await acquireProcessLock(lock, {
      ...{ ...options, detach },
      fencing: { stream: 'shop', token: 2 },
    });
    await second.guard(() => appendFile(file, '2\n'));
    process.kill(first.pid, 'SIGCONT');
    first.tell('on');
    await first.line((line) => line === 'wrote');
    first.tell('on');
    await first.line((line) => line.startsWith('not-leader'));
    expect(await readFile(file, 'utf8')).toBe('2\n');
    await second.release();
  });

  test('without an election there is no gate: what it has open is detached all the same', async () => {
    const held = await acquireProcessLock(lock, options);
    await moveElsewhere();
    let detached = 0;
    const second = await acquireProcessLock(lock, {
      ...options,
      detach: () => {
        detached += 1;
        return Promise.resolve();
      },
    });
    expect(detached).toBe(1);
    await held.release();
    await second.guard(() => Promise.resolve());
    await second.release();
    expect(await readdir(folder)).toEqual([]);
  });
});

test('a holder that has been silent for long makes sure of its lock before it writes', async () => {
  let uptimeMs = 0;
  // Its heart doesn't beat.
  const after = () => ({ cancel: () => undefined, unref: () => undefined });
  const frozen = { ...nodeRuntime, clock: { ...nodeRuntime.clock, after, uptimeMs: () => uptimeMs } };
  await runIn(frozen, async () => {
    const held = await acquireProcessLock(lock, options);
    await writeFile(lock, JSON.stringify({ ...(await holderText()), nonce: 'ab' }));
    // Somebody has it; a moment later that would have gone unnoticed.
    uptimeMs = 20_000;
    const refusal = await held.guard(() => Promise.resolve()).catch((error: unknown) => error);
    expect(refusal).toMatchObject({ code: 'not-leader' });
    await rm(lock);
    await mkdir(lock);
    const unsure = await acquireProcessLock(join(folder, 'other.lock'), options);
    await rm(join(folder, 'other.lock'));
    await mkdir(join(folder, 'other.lock'));
    uptimeMs = 60_000;
    const error = await unsure.guard(() => Promise.resolve()).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'sink' });
    expect(String(error)).toContain('cannot tell whether the file audit.ndjson is still locked');
    await Promise.all([held.release(), unsure.release()]);
  });
});

describe.runIf(process.getuid?.() === 0)('a lock that another user has left', () => {
  /** Tries to take it as another user, in a process of its own; gives its error. */
  async function asUser(uid: number): Promise<string> {
    await chmod(folder, 0o1777);
    const program = `
      process.setgid(${String(uid)});
      process.setuid(${String(uid)});
      const { acquireProcessLock } = await import(${JSON.stringify(new URL('../../../src/util/process-lock.ts', import.meta.url).href)});
      try {
        await acquireProcessLock(${JSON.stringify(lock)}, { code: 'sink', subject: 'the file audit.ndjson' });
        console.log('taken');
      } catch (error) {
        console.log(error.code + ' ' + error.message);
      }`;
    const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
      timeout: 60_000,
      env: { ...process.env, TMPDIR: folder },
    });
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    await once(child, 'close');
    return output;
  }

  test.each([
    ['readable', 0o644],
    ['not readable', 0o600],
  ])('%s: it says whose it is and what to do', async (_, mode) => {
    const dead = spawn(process.execPath, ['-e', '']);
    await once(dead, 'exit');
    const held = await acquireProcessLock(lock, options);
    const text = await holderText();
    await held.release();
    await writeFile(lock, JSON.stringify({ ...text, pid: dead.pid, started: '1' }));
    await chmod(lock, mode);
    const said = await asUser(65_534);
    expect(said).toMatch(/^sink cannot lock the file audit\.ndjson: /);
    expect(said).toContain(
      `the lock file ${lock} belongs to root (uid 0), and this process runs as nobody (uid 65534)`,
    );
    expect(said).toContain('remove the file as that user');
  });

  test('a folder of theirs is named as well', async () => {
    const own = join(folder, 'own');
    await mkdir(own, { mode: 0o755 });
    lock = join(own, 'audit.lock');
    expect(await asUser(65_534)).toContain(`the folder ${own} belongs to root (uid 0)`);
  });
});

test('a lock file that is not ours is refused while it is fresh', async () => {
  await writeFile(lock, 'hello');
  await expect(acquireProcessLock(lock, options)).rejects.toThrow('another process');
});

test('a folder that does not exist is an error of the caller’s code', async () => {
  const error = await acquireProcessLock(join(folder, 'no', 'lock'), options).catch((e: unknown) => e);
  expect(error).toMatchObject({ code: 'sink' });
  expect(String(error)).toContain('ENOENT');
});

describe('under a leadership', () => {
  const child = new URL('lock-child.ts', import.meta.url);
  const under = (token: number, stream = 'shop') => ({ ...options, fencing: { stream, token } });

  test('a later one takes the lock over from a living process; that one is refused from then on', async () => {
    const file = join(folder, 'file');
    const first = startChild(child, [lock, file, '1']);
    await first.line((line) => line === 'held');
    first.tell('on');
    await first.line((line) => line === 'wrote');
    process.kill(first.pid, 'SIGSTOP');
    const second = await acquireProcessLock(lock, under(2));
    await second.guard(() => appendFile(file, '2\n'));
    process.kill(first.pid, 'SIGCONT');
    first.tell('on');
    expect(await first.line((line) => line.startsWith('not-leader'))).toContain('under fencing token 2');
    await first.ended;
    expect((await readFile(file, 'utf8')).trim().split('\n')).toEqual(['1', '2']);
    await second.guard(() => Promise.resolve());
    await second.release();
    expect(await readdir(folder)).toEqual(['file']);
  });

  /** A lock whose gate somebody has closed, who has not come any further yet. */
  async function heldBehindClosedGate(): Promise<{ held: ProcessLock; refused: () => Promise<unknown> }> {
    const held = await acquireProcessLock(lock, under(1));
    const { nonce } = await holderText();
    expect(await LockGate.of(lock, String(nonce)).take()).toBe(true);
    return { held, refused: () => held.guard(() => Promise.resolve()).catch((error: unknown) => error) };
  }

  test.each([
    ['still there', () => Promise.resolve()],
    ['gone already', () => unlink(lock)],
  ])('the one that takes it over is named while the old lock is %s', async (_, meanwhile) => {
    const { held, refused } = await heldBehindClosedGate();
    await meanwhile();
    const refusal = refused();
    const second = await acquireProcessLock(lock, under(2));
    expect(await refusal).toMatchObject({ code: 'not-leader', details: { token: 1, newerToken: 2 } });
    expect(String(await refusal)).toContain('under fencing token 2');
    await held.release();
    await second.guard(() => Promise.resolve());
    await second.release();
  });

  test('one that closes the gate and comes no further has no name, least of all ours', async () => {
    const { held, refused } = await heldBehindClosedGate();
    const refusal = await refused();
    expect(refusal).toMatchObject({ code: 'not-leader', details: { token: 1, newerToken: null } });
    expect(String(refusal)).toContain('by another agent: this process');
    await held.release();
  });

  test('a write that is under way is waited for', async () => {
    const file = join(folder, 'file');
    const first = startChild(child, [lock, file, '1', 'inside']);
    await first.line((line) => line === 'inside');
    const taking = acquireProcessLock(lock, under(2));
    first.tell('on');
    const second = await taking;
    // Nothing of the first comes any more, whatever it did before it was refused.
    const before = await readFile(file, 'utf8');
    expect(before).toMatch(/^1\n/);
    first.tell('on');
    await first.line((line) => line.startsWith('not-leader'));
    expect(await readFile(file, 'utf8')).toBe(before);
    await second.release();
  });

  test('one that is frozen in the middle of a write keeps the lock, until it is dead', async () => {
    const first = startChild(child, [lock, join(folder, 'file'), '1', 'inside']);
    await first.line((line) => line === 'inside');
    process.kill(first.pid, 'SIGSTOP');
    await expect(acquireProcessLock(lock, under(2))).rejects.toThrow('in the middle of a write');
    await first.kill();
    await (await acquireProcessLock(lock, under(2))).release();
    expect(await readdir(folder)).toEqual(['file']);
  });

  test.each([
    ['the same', under(2)],
    ['an earlier one', under(1)],
    ['one of another stream', under(3, 'other')],
    ['none', options],
  ])('%s does not take it over', async (_, other) => {
    const held = await acquireProcessLock(lock, under(2));
    await expect(acquireProcessLock(lock, other)).rejects.toThrow('is in use by');
    await held.guard(() => Promise.resolve());
    await held.release();
    expect(await readdir(folder)).toEqual([]);
  });

  test('of many later ones the last has it, and all others are refused', async () => {
    const first = await acquireProcessLock(lock, under(1));
    const tokens = Array.from({ length: 8 }, (_, index) => index + 2);
    const outcomes = await Promise.allSettled(tokens.map((token) => acquireProcessLock(lock, under(token))));
    const locks = [first, ...outcomes.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))];
    const writes = await Promise.allSettled(locks.map((one) => one.guard(() => Promise.resolve())));
    expect(writes.map(({ status }) => status).filter((status) => status === 'fulfilled')).toHaveLength(1);
    for (const one of locks) await one.release();
    expect(await readdir(folder)).toEqual([]);
  });
});
