import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  createReadStream,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, onTestFinished, test } from 'vitest';
import { LogDestination } from '../../../src/cli/log-destination.js';

type Line = {
  readonly event?: string;
  readonly lines?: number;
  readonly reason?: string;
  readonly n?: number;
};

const linesOf = (text: string): Line[] =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Line);

const record = (n: number, filler = ''): string => `${JSON.stringify({ n, filler })}\n`;

test('a reader that stands still holds up nobody; how many lines are missing is said in their place', async () => {
  const fifo = join(mkdtempSync(join(tmpdir(), 'waymark-log-')), 'log');
  execFileSync('mkfifo', [fifo]);
  // For reading and writing, so that opening doesn't wait for the other end.
  const fd = openSync(fifo, 'r+');
  const child = spawn(
    process.execPath,
    ['--import', 'tsx', fileURLToPath(new URL('fixtures/log-flood.ts', import.meta.url))],
    { stdio: ['ignore', 'pipe', fd], timeout: 60_000, killSignal: 'SIGKILL' },
  );
  onTestFinished(() => {
    child.kill('SIGKILL');
    rmSync(dirname(fifo), { recursive: true });
  });
  if (child.stdout === null) throw new Error('no stdout');
  const ended = once(child, 'close');
  // Nobody reads the log, and the event loop goes on: it says so over stdout.
  const [said] = (await once(createInterface(child.stdout), 'line')) as [string];
  const written = Number(said);
  expect(written).toBeGreaterThan(1000);
  let log = '';
  const reader = createReadStream(fifo, 'utf8').on('data', (text) => (log += String(text)));
  await once(reader, 'open');
  closeSync(fd);
  await Promise.all([ended, once(reader, 'close')]);
  const lines = linesOf(log);
  const numbers = lines.flatMap(({ n }) => n ?? []);
  const missing = lines.flatMap(({ event, lines: count }) => (event === 'log.dropped' ? (count ?? 0) : []));
  expect(missing.length).toBeGreaterThan(0);
  expect(numbers.length + missing.reduce((sum, count) => sum + count, 0)).toBe(written);
  expect(numbers).toEqual(numbers.toSorted((a, b) => a - b));
  // The last words are there.
  expect(numbers.at(-1)).toBe(written - 1);
});

test('a disk that takes nothing ends nothing', () => {
  const fd = openSync('/dev/full', 'w');
  const log = new LogDestination(fd);
  for (let n = 0; n < 5; n += 1) log.write(record(n));
  log.flushSync();
  closeSync(fd);
});

describe.runIf(process.getuid?.() === 0)('a full disk', () => {
  const folder = mkdtempSync(join(tmpdir(), 'waymark-log-'));
  const opened: number[] = [];

  afterEach(() => {
    for (const fd of opened) closeSync(fd);
    execFileSync('umount', [folder]);
    rmSync(folder, { recursive: true });
  });

  test('what was dropped is reported once there is room again, behind a line of its own', () => {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', folder]);
    const [path, filler] = [join(folder, 'log'), join(folder, 'filler')];
    writeFileSync(filler, Buffer.alloc(40_000));
    const fd = openSync(path, 'a');
    opened.push(fd);
    const log = new LogDestination(fd);
    for (let n = 0; n < 40; n += 1) log.write(record(n, 'x'.repeat(1000)));
    unlinkSync(filler);
    log.write(record(40));
    const texts = readFileSync(path, 'utf8').split('\n');
    const report = texts.findIndex((text) => text.includes('log.dropped'));
    const whole = texts.slice(0, report).filter((text) => text.endsWith('}'));
    const { lines, reason } = JSON.parse(texts[report] ?? '') as Line;
    expect(whole.length + (lines ?? 0)).toBe(40);
    expect(lines).toBeGreaterThan(5);
    expect(reason).toContain('ENOSPC');
    expect(JSON.parse(texts[report + 1] ?? '')).toMatchObject({ n: 40 });
  });
});
