import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rename, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import { afterEach, beforeEach, expect, test } from 'vitest';

import { fileSink } from '../../src/sinks/file-sink.js';
import type { ChangeRecord } from '../../src/records/record.js';
import type { ChildCheckpoint } from '../unit/sinks/file-sink-child.js';
import { randomFrom, sampleTransaction } from '../unit/sinks/sample-records.js';

const kills = 40;
const seed = Number(process.env['WAYMARK_TEST_SEED'] ?? 20_261_121);
const child = 'test/unit/sinks/file-sink-child.ts';

let folder: string;
let path: string;
let checkpointPath: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'waymark-kill-'));
  path = join(folder, 'audit.ndjson');
  checkpointPath = join(folder, 'checkpoint.json');
  parts = [];
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

/** Files that the audit's name stood for before, oldest first. */
let parts: string[];

/** Renames the file, unless there is nothing in it. */
async function rotate(): Promise<void> {
  if (((await stat(path).catch(() => null))?.size ?? 0) === 0) return;
  const part = `${path}.${String(parts.length + 1)}`;
  await rename(path, part);
  parts.push(part);
}

/**
 * Lets a child deliver until it has said that many lines, kills it, and gives its last word.
 * @param rotateAt behind so many of them the file is renamed.
 */
async function deliverAndKill(lines: number, childSeed: number, rotateAt: number): Promise<string> {
  const running = spawn(
    process.execPath,
    ['--import', 'tsx', child, path, checkpointPath, String(childSeed)],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  const closed = once(running, 'close');
  let count = 0;
  let last = '';
  // What it said before it died still comes out of the pipe afterwards.
  for await (const line of createInterface({ input: running.stdout })) {
    last = line;
    if (++count === rotateAt) await rotate();
    if (count === lines) running.kill('SIGKILL');
  }
  const [, signal] = (await closed) as [number | null, string | null];
  expect({ signal, last }).toMatchObject({ signal: 'SIGKILL' });
  return last;
}

async function completeLines(): Promise<ChangeRecord[]> {
  const texts = await Promise.all([...parts, path].map((part) => readFile(part, 'utf8').catch(() => '')));
  const text = texts.join('');
  return text
    .slice(0, text.lastIndexOf('\n') + 1)
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as ChangeRecord);
}

test(
  `killed ${String(kills)} times at random moments, and the file renamed around it, nothing is lost and nothing repeated`,
  { timeout: 300_000 },
  async () => {
    const random = randomFrom(seed);
    let torn = 0;
    for (let kill = 0; kill < kills; kill++) {
      // 1: killed right behind its opening, or while it writes for the first time.
      const lines = 1 + Math.floor(random() * 40);
      // Also in the last moment of its life, and behind it.
      const rotateAt = random() < 0.5 ? Math.ceil(lines * random()) : 0;
      const last = await deliverAndKill(lines, seed + kill, rotateAt);
      if (random() < 0.2) await rotate();
      const held = await completeLines();
      if (held.at(-1)?.tx.last !== true && held.length > 0) torn++;
      if (last === 'open') continue;
      const [sequence, row] = last.split(' ').map(Number);
      expect(
        held.some(({ tx }) => tx.seq === sequence && tx.row === row),
        `kill ${String(kill)}: ${last}`,
      ).toBe(true);
    }
    expect(torn).toBeGreaterThan(0);
    expect(parts.length).toBeGreaterThan(5);

    const { position } = JSON.parse(await readFile(checkpointPath, 'utf8')) as ChildCheckpoint;
    const sink = fileSink({ path });
    const recovery = await sink.open(position, new AbortController().signal);
    expect(recovery.endsBetweenTransactions).toBe(true);
    await sink.close();
    const records = await completeLines();
    // One that held nothing but the beginning of a transaction is empty: that was cut off.
    const texts = await Promise.all(parts.map((part) => readFile(part, 'utf8')));
    expect(texts.filter((text) => text !== '' && !text.endsWith('\n'))).toEqual([]);
    let expected = 0;
    for (const { tx, id } of records) {
      if (tx.row === 0) expected++;
      const [first] = sampleTransaction(expected, 1);
      expect({ seq: tx.seq, id }).toEqual({ seq: expected, id: first!.id.replace(/0$/, String(tx.row)) });
    }
    const counted = records.filter(({ tx }) => tx.last);
    expect(counted.map(({ tx }) => tx.seq)).toEqual(
      Array.from({ length: expected }, (_, index) => index + 1),
    );
    expect(counted.reduce((sum, { tx }) => sum + (tx.rows ?? 0), 0)).toBe(records.length);
  },
);
