import { appendFile, mkdtemp, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { AuditFile } from '../../../src/sinks/audit-file.js';
import { readEnding, type RecoveredFile } from '../../../src/sinks/file-recovery.js';
import type { ChangeRecord } from '../../../src/records/record.js';
import { sampleTransaction } from './sample-records.js';

const { signal } = new AbortController();
let folder: string;
let path: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'waymark-ending-'));
  path = join(folder, 'audit.ndjson');
});

afterEach(() => rm(folder, { recursive: true, force: true }));

const lines = (records: readonly ChangeRecord[]): string =>
  records.map((record) => `${JSON.stringify(record)}\n`).join('');

async function ending(wanted: number, atLeastFrom: number | null = null): Promise<RecoveredFile> {
  const file = (await AuditFile.openExisting(path))!;
  try {
    return await readEnding({ handle: file.handle, path, number: 7 }, wanted, atLeastFrom, signal);
  } finally {
    await file.close();
  }
}

/** A file of so many transactions of about two kilobytes each; gives where each ends. */
async function write(count: number): Promise<number[]> {
  const ends: number[] = [];
  const texts: string[] = [];
  let end = 0;
  for (let number = 1; number <= count; number += 1) {
    const text = lines(sampleTransaction(number, 3, 300));
    end += Buffer.byteLength(text);
    ends.push(end);
    texts.push(text);
  }
  await writeFile(path, texts.join(''));
  return ends;
}

test('of a large file the end is read, and no more than it takes', async () => {
  const count = 20_000;
  const ends = await write(count);
  const begun = performance.now();
  const { held, completeEnd } = await ending(100);
  expect(performance.now() - begun).toBeLessThan(2000);
  const numbers = held.transactions.map(({ sequence }) => sequence);
  expect(numbers.length).toBeGreaterThan(100);
  expect(numbers.length).toBeLessThan(count / 2);
  expect(numbers).toEqual(Array.from(numbers, (_, index) => count - numbers.length + 1 + index));
  expect(completeEnd).toBe(ends.at(-1));
  expect(held.since).toEqual({ file: 7, transactionStart: ends[count - numbers.length - 1] });
  expect(held.transactions.at(-1)).toMatchObject({ file: 7, transactionStart: ends.at(-1) });
  expect(held.last).toMatchObject({ sequence: count, isGap: false, source: { position: count * 100 + 2 } });
});

test('what stands behind a place is read in any case', async () => {
  const ends = await write(20_000);
  const { held } = await ending(1, ends[99]);
  expect(held.transactions.map(({ sequence }) => sequence)[0]).toBe(101);
  expect(held.transactions).toHaveLength(19_900);
});

test('an unfinished transaction at the end, larger than what is read at once, is told from what is before it', async () => {
  const ends = await write(3000);
  const unfinished = sampleTransaction(3001, 20_000, 300).slice(0, -1);
  await appendFile(path, lines(unfinished));
  const { held, completeEnd, unfinishedRecords, end } = await ending(10);
  expect(completeEnd).toBe(ends.at(-1));
  expect(unfinishedRecords).toBe(unfinished.length);
  expect(end).toBe((await stat(path)).size);
  expect(held.last).toMatchObject({ sequence: 3000 });
});

test('one huge transaction: the whole of it is read, for its first second', async () => {
  await writeFile(path, lines(sampleTransaction(1, 40_000, 200)));
  const { held } = await ending(10);
  expect(held).toMatchObject({ since: null, transactions: [{ sequence: 1 }] });
});

test('nothing from before a gap', async () => {
  await write(10);
  const source = { server: 'db2:3306', serverId: 2, file: 'mysql-bin.000044', position: 4 };
  const gap: ChangeRecord = {
    id: '-/11/gap',
    type: 'gap',
    reason: 'purged',
    from: null,
    ts: new Date(0).toISOString(),
    tx: { hint: null, seq: 11, row: 0, last: true },
    source,
  };
  await appendFile(path, lines([gap]));
  const end = (await stat(path)).size;
  expect((await ending(5)).held).toMatchObject({
    since: { file: 7, transactionStart: end },
    transactions: [],
    last: { sequence: 11, isGap: true, source },
    hasGap: true,
  });
  await appendFile(path, lines(sampleTransaction(12, 2)));
  expect((await ending(5)).held.transactions.map(({ sequence }) => sequence)).toEqual([12]);
});

test('a file that only ends like one of ours is refused', async () => {
  await write(5000);
  const size = (await stat(path)).size;
  await truncate(path, 0);
  await writeFile(path, `${'x'.repeat(20)}\n`);
  await truncate(path, size);
  await appendFile(path, lines(sampleTransaction(1, 2)));
  await expect(ending(5)).rejects.toThrow('from byte 0 on');
});
