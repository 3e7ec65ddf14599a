import { batchOf } from '../../../src/records/record-batch.js';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { open, readFile, stat, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { DiskRoom } from '../../../src/sinks/disk-room.js';
import { fileSink } from '../../../src/sinks/file-sink.js';
import type { Sink } from '../../../src/sinks/sink.js';
import { sampleTransaction } from './sample-records.js';

const { signal } = new AbortController();
const stdoutChild = fileURLToPath(new URL('stdout-sink-child.ts', import.meta.url));
const disk = mkdtempSync(join(tmpdir(), 'waymark-disk-'));
const mounted = mount();

/** A disk of a megabyte; false where we may not mount one. */
function mount(): boolean {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', disk], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

afterAll(() => {
  if (mounted) execFileSync('umount', [disk]);
  rmSync(disk, { recursive: true });
});

describe.runIf(mounted)('a disk without room', () => {
  const path = join(disk, 'audit.ndjson');
  const filler = join(disk, 'filler');
  let sink: Sink | null = null;

  afterEach(async () => {
    await sink?.close().catch(() => undefined);
    for (const name of [path, filler, `${path}.position`]) await unlink(name).catch(() => undefined);
  });

  /** Leaves so many bytes. */
  async function fill(left: number): Promise<void> {
    const free = Number(execFileSync('stat', ['-f', '-c', '%a', disk])) * 4096;
    await writeFile(filler, Buffer.alloc(free - left));
  }

  async function sequences(): Promise<number[]> {
    const text = await readFile(path, 'utf8');
    expect(text.endsWith('\n')).toBe(true);
    const lines = text.trim().split('\n');
    return lines.map((line) => (JSON.parse(line) as { tx: { seq: number } }).tx.seq);
  }

  test('is waited for, and said; what was half written is cut off, and comes as a whole', async () => {
    sink = fileSink({ path });
    await sink.open(null, signal);
    await sink.deliver(batchOf(sampleTransaction(1, 1)), signal);
    await fill(8192);
    const before = (await stat(path)).size;
    const delivered = sink.deliver(batchOf(sampleTransaction(2, 100, 500)), signal);
    await expect.poll(() => sink?.trouble).toContain('the disk is full');
    expect((await stat(path)).size).toBe(before);
    await unlink(filler);
    await delivered;
    expect(sink.trouble).toBeNull();
    expect(await sequences()).toEqual([1, ...Array.from({ length: 100 }, () => 2)]);
    await sink.flush(signal);
  });

  test('is not waited for any more when the agent stops; the next one delivers it', async () => {
    sink = fileSink({ path });
    await sink.open(null, signal);
    await sink.deliver(batchOf(sampleTransaction(1, 1)), signal);
    await fill(4096);
    const stop = new AbortController();
    const delivered = sink.deliver(batchOf(sampleTransaction(2, 100, 500)), stop.signal);
    await expect.poll(() => sink?.trouble).not.toBeNull();
    stop.abort(new Error('stopped'));
    await expect(delivered).rejects.toThrow('stopped');
    const position = await sink.flush(signal);
    await sink.close();
    await unlink(filler);
    expect((await sink.open(position, signal)).delivered).toEqual([]);
    await sink.deliver(batchOf(sampleTransaction(2, 3)), signal);
    expect(await sequences()).toEqual([1, 2, 2, 2]);
  });

  test('holds up a rotation, and not the stream', async () => {
    sink = fileSink({ path });
    await sink.open(null, signal);
    await sink.deliver(batchOf(sampleTransaction(1, 1)), signal);
    const renamed = `${path}.1`;
    execFileSync('mv', [path, renamed]);
    await fill(0);
    await sink.deliver(batchOf(sampleTransaction(2, 1)), signal);
    expect(sink.trouble).toContain('waits for room');
    await unlink(filler);
    await sink.deliver(batchOf(sampleTransaction(3, 1)), signal);
    expect(sink.trouble).toBeNull();
    expect(await sequences()).toEqual([3]);
    await unlink(renamed);
  });
});

test.runIf(mounted)(
  'stdout that leads into a file on a full disk: the rest of a short write comes, too',
  async () => {
    const out = join(disk, 'out.ndjson');
    const filler = join(disk, 'filler');
    const free = Number(execFileSync('stat', ['-f', '-c', '%a', disk])) * 4096;
    await writeFile(filler, Buffer.alloc(free - 40_960));
    const file = await open(out, 'w');
    const child = spawn(process.execPath, ['--import', 'tsx', stdoutChild, '100'], {
      stdio: ['ignore', file.fd, 'pipe'],
    });
    await file.close();
    const ended = once(child, 'close');
    await once(child.stderr!, 'data');
    expect((await stat(out)).size).toBeGreaterThan(0);
    await unlink(filler);
    await ended;
    const lines = (await readFile(out, 'utf8')).trim().split('\n');
    expect(lines.map((line) => (JSON.parse(line) as { tx: { row: number } }).tx.row)).toEqual(
      Array.from({ length: 100 }, (_, row) => row),
    );
    await unlink(out);
  },
);

test('a disk that stays full is an error in the end', async () => {
  const room = new DiskRoom(300);
  const full = Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' });
  let attempts = 0;
  const since = performance.now();
  await expect(
    room.wait(() => {
      attempts += 1;
      return Promise.reject(full);
    }, signal),
  ).rejects.toBe(full);
  expect(attempts).toBeGreaterThan(2);
  expect(performance.now() - since).toBeGreaterThanOrEqual(300);
  expect(room.trouble).toBeNull();
});
