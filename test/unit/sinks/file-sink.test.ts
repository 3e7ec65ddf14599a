import { batchOf } from '../../../src/records/record-batch.js';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFile,
  copyFile,
  link,
  mkdir,
  mkdtemp,
  readFile,
  readdir,
  rename,
  rm,
  stat,
  symlink,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import type { SinkPosition } from '../../../src/checkpoint/checkpoint.js';
import { fileSink } from '../../../src/sinks/file-sink.js';
import type { ChangeRecord } from '../../../src/records/record.js';
import type { Sink, SinkRecovery } from '../../../src/sinks/sink.js';
import { startChild } from '../checkpoint/child.js';
import { digestOf, sampleTransaction, secondOf } from './sample-records.js';

const { signal } = new AbortController();
let folder: string;
let path: string;
let sinks: Sink[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'waymark-file-sink-'));
  path = join(folder, 'audit.ndjson');
  sinks = [];
});

afterEach(async () => {
  for (const sink of sinks) await sink.close().catch(() => undefined);
  await rm(folder, { recursive: true, force: true });
});

async function openSink(
  position: SinkPosition | null = null,
): Promise<{ sink: Sink; recovery: SinkRecovery }> {
  const sink = fileSink({ path });
  sinks.push(sink);
  return { sink, recovery: await sink.open(position, signal) };
}

/** Writes with a sink of its own and gives the position at the end, as a checkpoint would keep it. */
async function write(
  position: SinkPosition | null,
  ...batches: readonly ChangeRecord[][]
): Promise<SinkPosition> {
  const { sink } = await openSink(position);
  for (const batch of batches) await sink.deliver(batchOf(batch), signal);
  const reached = await sink.flush(signal);
  await sink.close();
  return reached!;
}

async function recordsInFile(): Promise<ChangeRecord[]> {
  const text = await readFile(path, 'utf8');
  expect(text === '' || text.endsWith('\n')).toBe(true);
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as ChangeRecord);
}

/** Numbers of the transactions that it told of, behind the checkpoint or at its end. */
function sequences({ delivered, ending }: SinkRecovery): number[] {
  const told = ending?.kind === 'known' ? ending.transactions : delivered;
  return told.map(({ sequence }) => sequence);
}

describe('what is delivered', () => {
  test('stands in the file, one document per line, and is found behind the checkpoint', async () => {
    const transactions = [1, 2, 3, 4].map((sequence) => sampleTransaction(sequence, sequence));
    const position = await write(null, transactions[0]!, transactions[1]!);
    const end = await write(position, [...transactions[2]!, ...transactions[3]!]);
    expect(await recordsInFile()).toEqual(transactions.flat());
    expect(end).toMatchObject({ offset: (await stat(path)).size, transactionStart: (await stat(path)).size });

    const { recovery } = await openSink(position);
    expect(recovery).toEqual({
      remembers: true,
      endsBetweenTransactions: true,
      delivered: [3, 4].map((sequence) => ({
        hint: `6B01F8DB:000000000000000${String(sequence)}:317ACA46`,
        sequence,
        gtid: sequence === 4 ? '0-1-4' : null,
        byGtid: false,
        second: secondOf(sequence),
        digest: digestOf(sequence),
      })),
    });
  });

  test('a second on the last record goes before that of the first record', async () => {
    const records = sampleTransaction(1, 2);
    await write(null, [records[0]!, { ...records[1]!, tx: { ...records[1]!.tx, second: 7 } }]);
    const { recovery } = await openSink(null);
    expect(recovery).toMatchObject({ delivered: [], ending: { transactions: [{ second: 7 }] } });
  });

  test('lines of many megabytes', async () => {
    const records = [...sampleTransaction(1, 3, 5_000_000), ...sampleTransaction(2, 1)];
    await write(null, records);
    const { recovery } = await openSink(null);
    expect(sequences(recovery)).toEqual([1, 2]);
    expect(await recordsInFile()).toEqual(records);
  });

  test('close makes durable what was not flushed, and may come twice', async () => {
    const { sink } = await openSink();
    await sink.deliver(batchOf(sampleTransaction(1, 1)), signal);
    await sink.close();
    await sink.close();
    expect(await recordsInFile()).toHaveLength(1);
    expect(await readdir(folder)).toEqual(['audit.ndjson', 'audit.ndjson.position']);
    await expect(sink.deliver(batchOf([]), signal)).rejects.toThrow('is not open');
  });

  test('nothing is written once the signal has fired', async () => {
    const { sink } = await openSink();
    await expect(sink.deliver(batchOf(sampleTransaction(1, 1)), AbortSignal.abort())).rejects.toThrow(
      /abort/i,
    );
    await expect(fileSink({ path }).open(null, AbortSignal.abort())).rejects.toThrow(/abort/i);
    expect(await recordsInFile()).toEqual([]);
  });
});

describe('after a crash', () => {
  test('an unfinished transaction is cut off, also one that began before the checkpoint', async () => {
    const records = sampleTransaction(2, 10);
    const middle = await write(null, sampleTransaction(1, 2), records.slice(0, 4));
    expect(middle['transactionStart']).toBeLessThan(Number(middle['offset']));
    // Closing and opening cuts; this is the agent that died: no opening in between.
    await appendLines(records.slice(4, 8));
    await appendFile(path, '{"id":"torn');

    const { sink, recovery } = await openSink(middle);
    expect(recovery).toMatchObject({ delivered: [], endsBetweenTransactions: true, cutOff: { records: 9 } });
    expect(await recordsInFile()).toEqual(sampleTransaction(1, 2));
    // It dies again before it has written a checkpoint: the position is beyond the file's end now.
    await sink.close();
    const again = await openSink(middle);
    expect(again.recovery).not.toHaveProperty('cutOff');
    await again.sink.deliver(batchOf(records), signal);
    await again.sink.close();
    const third = await openSink(middle);
    expect(sequences(third.recovery)).toEqual([2]);
    expect(await recordsInFile()).toEqual([...sampleTransaction(1, 2), ...records]);
  });

  test('wherever it was cut, what remains are whole transactions, and they are told', async () => {
    const shape = fc.array(fc.record({ rows: fc.integer({ min: 1, max: 6 }), size: fc.nat(300) }), {
      minLength: 1,
      maxLength: 12,
    });
    await fc.assert(
      fc.asyncProperty(
        shape,
        fc.integer({ min: 1, max: 9 }),
        fc.nat(),
        fc.nat(),
        async (shapes, batch, flushed, cut) => {
          await rm(folder, { recursive: true });
          await mkdir(folder);
          const transactions = shapes.map(({ rows, size }, index) =>
            sampleTransaction(index + 1, rows, size),
          );
          const all = transactions.flat();
          const { sink } = await openSink();
          const positions: (SinkPosition | null)[] = [null];
          for (let from = 0; from < all.length; from += batch) {
            await sink.deliver(batchOf(all.slice(from, from + batch)), signal);
            positions.push(await sink.flush(signal));
          }
          await sink.close();
          const position = positions[flushed % positions.length] ?? null;
          const { offset, transactionStart } = position ?? { offset: 0, transactionStart: 0 };
          const size = (await stat(path)).size;
          const length = Number(offset) + (cut % (size - Number(offset) + 1));
          await truncate(path, length);

          const ends = transactions.map((_, index) =>
            Buffer.byteLength(
              transactions
                .slice(0, index + 1)
                .flat()
                .map((record) => `${JSON.stringify(record)}\n`)
                .join(''),
            ),
          );
          const whole = ends.filter((end) => end <= length).length;
          const known = ends.filter((end) => end <= Number(transactionStart)).length;
          // A first line that is hardly there can't be told from a foreign file; that one has its own test.
          fc.pre(position !== null || whole > 0 || length === 0);
          const reopened = await openSink(position);
          expect(sequences(reopened.recovery)).toEqual(
            Array.from({ length: whole - known }, (_, index) => known + index + 1),
          );
          expect(reopened.recovery.cutOff?.bytes ?? 0).toBe(length - (ends[whole - 1] ?? 0));
          expect(await recordsInFile()).toEqual(transactions.slice(0, whole).flat());
          await reopened.sink.close();
        },
      ),
      { numRuns: 150 },
    );
    // Each run syncs the file some dozen times.
  }, 120_000);

  test('without a checkpoint: it tells where its records end', async () => {
    await write(null, sampleTransaction(1, 2), sampleTransaction(2, 2), sampleTransaction(3, 2).slice(0, 1));
    const { recovery } = await openSink(null);
    expect(sequences(recovery)).toEqual([1, 2]);
    expect(recovery.cutOff).toMatchObject({ records: 1 });
  });

  test('a torn first line alone is recognised and cut off', async () => {
    const [record] = sampleTransaction(1, 1);
    await writeFile(path, JSON.stringify(record).slice(0, 80));
    const { recovery } = await openSink(null);
    expect(recovery.cutOff).toEqual({ bytes: 80, records: 1 });
    expect((await stat(path)).size).toBe(0);
  });

  test('zero bytes behind the checkpoint, as a power failure leaves them, are cut off with a warning', async () => {
    const position = await write(null, sampleTransaction(1, 1));
    await appendLines(sampleTransaction(2, 1));
    const size = (await stat(path)).size;
    await appendFile(path, Buffer.alloc(10_000));
    await appendLines(sampleTransaction(4, 1));
    const { recovery } = await openSink(position);
    expect(sequences(recovery)).toEqual([2]);
    expect(recovery.warnings).toHaveLength(1);
    expect(recovery.warnings![0]).toContain(`byte ${String(size)}`);
    expect(await recordsInFile()).toHaveLength(2);
  });

  async function appendLines(records: readonly ChangeRecord[]): Promise<void> {
    await appendFile(path, records.map((record) => `${JSON.stringify(record)}\n`).join(''));
  }
});

describe('what is refused', () => {
  test('a second agent on the file, also by another name; pid and path are named', async () => {
    await openSink();
    const link = join(folder, 'link.ndjson');
    await symlink(path, link);
    for (const name of [path, link]) {
      const error = await fileSink({ path: name })
        .open(null, signal)
        .catch((e: unknown) => e);
      expect(error).toMatchObject({ code: 'sink' });
      expect(String(error)).toContain(`pid ${String(process.pid)}`);
      expect(String(error)).toContain(name);
    }
  });

  test('a file with a second name in another folder; a copy in its place is taken', async () => {
    const position = await write(null, sampleTransaction(1, 3));
    await mkdir(join(folder, 'kept'));
    await link(path, join(folder, 'kept', 'audit'));
    await expect(openSink(position)).rejects.toThrow(
      expect.objectContaining({
        code: 'sink',
        message: expect.stringMatching(/audit\.ndjson has 2 names/) as string,
      }) as Error,
    );
    await copyFile(path, `${path}.new`);
    await rename(`${path}.new`, path);
    await openSink(position);
  });

  test('a file shorter than the checkpoint says', async () => {
    const position = await write(null, sampleTransaction(1, 3), sampleTransaction(2, 3));
    const size = (await stat(path)).size;
    await truncate(path, 40);
    await expect(openSink(position)).rejects.toThrow(
      new RegExp(
        `audit\\.ndjson has 40 bytes, but the checkpoint says that ${String(size)} were written.*move this one`,
      ),
    );
    expect((await stat(path)).size).toBe(40);
    expect(await readdir(folder)).toEqual(['audit.ndjson', 'audit.ndjson.position']);
  });

  test('another file of the same name', async () => {
    const position = await write(null, sampleTransaction(1, 3));
    const records = sampleTransaction(2, 9).map((record) => `${JSON.stringify(record)}\n`);
    await writeFile(path, records.join(''));
    await expect(openSink(position)).rejects.toThrow('is not the file of the checkpoint');
  });

  test.each([
    ['text', 'hello\n'],
    ['text without a line end', 'hello'],
    ['an empty line', '\n'],
    ['another NDJSON', '{"id":"1","name":"x"}\n'],
    ['another JSON without a line end', '{"id":"1","name":"x"}'],
    ['a beginning that says nothing', '{"i'],
    ['zero bytes', '\0\0\0\0'],
    ['binary', Buffer.alloc(3_000_000, 0xff)],
    [
      'a last record without its digest',
      '{"id":"1","type":"ddl","ts":"2026-11-21T20:14:53Z","tx":{"hint":null,"seq":1,"row":0,"last":true}}\n',
    ],
    ['a record without its transaction', '{"id":"1","type":"row","ts":"2026-11-21T20:14:53Z"}\n'],
    ['a record with a damaged time', '{"id":"1","type":"row","ts":"?","tx":{"hint":null,"seq":1,"row":0}}\n'],
  ])('a foreign file: %s; it is left as it is', async (_, content) => {
    await writeFile(path, content);
    await expect(openSink(null)).rejects.toThrow(
      "holds something other than this agent's records, from byte 0 on",
    );
    expect((await readFile(path)).equals(Buffer.from(content))).toBe(true);
  });

  test('foreign lines behind our own', async () => {
    const position = await write(null, sampleTransaction(1, 1));
    await appendFile(path, 'hello\n');
    const size = (await stat(path)).size;
    for (const known of [null, position]) {
      await expect(openSink(known)).rejects.toThrow('holds something other');
      expect((await stat(path)).size).toBe(size);
    }
  });

  test("another sink's position, a folder that is not there, a thing that is no file", async () => {
    await expect(openSink({ topic: 'audit' })).rejects.toThrow('another kind of sink');
    await expect(fileSink({ path: join(folder, 'no', 'x') }).open(null, signal)).rejects.toThrow('ENOENT');
    await mkdir(path);
    await expect(openSink(null)).rejects.toThrow(/audit\.ndjson cannot be opened: EISDIR/);
    await expect(fileSink({ path: '/dev/null' }).open(null, signal)).rejects.toMatchObject({ code: 'sink' });
  });

  test('a file that somebody else writes while it is open', async () => {
    const { sink } = await openSink();
    await sink.deliver(batchOf(sampleTransaction(1, 1)), signal);
    await truncate(path, 0);
    await expect(sink.flush(signal)).rejects.toThrow('was changed by another process: it has 0 bytes');
    await expect(sink.deliver(batchOf(sampleTransaction(2, 1)), signal)).rejects.toThrow(
      'was changed by another process',
    );
    await sink.close();
  });
});

test('a file that is gone is begun anew, and that is told', async () => {
  const position = await write(null, sampleTransaction(1, 3));
  await rm(path);
  const { sink, recovery } = await openSink(position);
  expect(recovery).toMatchObject({ delivered: [], endsBetweenTransactions: true });
  expect(recovery.warnings).toHaveLength(1);
  expect(recovery.warnings![0]).toContain('is gone');
  await sink.deliver(batchOf(sampleTransaction(2, 1)), signal);
  expect(await recordsInFile()).toHaveLength(1);
});

test('a large file is read with bounded memory', async () => {
  const { sink } = await openSink();
  const rows = 2_000;
  const batch = sampleTransaction(1, rows, 200).slice(0, -1);
  // One transaction that does not end: the worst case, nothing of it can be let go by its number.
  for (let written = 0; written < 150_000; written += batch.length)
    await sink.deliver(batchOf(batch), signal);
  await sink.close();
  const before = process.memoryUsage().arrayBuffers;
  let peak = before;
  const watch = setInterval(() => {
    peak = Math.max(peak, process.memoryUsage().arrayBuffers);
  }, 5);
  const { recovery } = await openSink(null);
  clearInterval(watch);
  expect(recovery.cutOff!.bytes).toBeGreaterThan(50_000_000);
  expect(peak - before).toBeLessThan(20_000_000);
});

test.runIf(process.platform !== 'win32')(
  'a full disk: a clear error, and only whole lines remain',
  async () => {
    // A limit on the file's size stops a write half-way, as a full disk does.
    const limited = `trap '' XFSZ; ulimit -f 200; exec "$0" --import tsx test/unit/sinks/file-sink-child.ts "$@"`;
    const child = spawn('bash', ['-c', limited, process.execPath, path, join(folder, 'checkpoint'), '1'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    await once(child, 'close');
    expect(output).toMatch(/\nsink the file .*audit\.ndjson cannot be written: EFBIG/);
    expect((await stat(path)).size).toBeLessThan(200 * 1024);
    expect(await recordsInFile()).not.toEqual([]);
    const accepted = output.trim().split('\n').at(-2);
    const lastRecord = (await recordsInFile()).at(-1)!;
    expect(`${String(lastRecord.tx.seq)} ${String(lastRecord.tx.row)}`).toBe(accepted);
    await openSink(null);
  },
);

test('an earlier leader that is frozen in the middle of a write writes into what nobody sees any more', async () => {
  const { sink: before } = await openSink();
  await before.deliver(batchOf(sampleTransaction(1, 1)), signal);
  await before.close();
  const child = startChild(new URL('../util/lock-child.ts', import.meta.url), [
    `${path}.lock`,
    path,
    '1',
    'inside',
  ]);
  await child.line((line) => line === 'inside');
  process.kill(child.pid, 'SIGSTOP');
  const sink = fileSink({ path });
  expect(sequences(await sink.open(null, signal, { stream: 'shop', token: 2 }))).toEqual([1]);
  await sink.deliver(batchOf(sampleTransaction(2, 1)), signal);
  process.kill(child.pid, 'SIGCONT');
  child.tell('on');
  await child.line((line) => line === 'wrote');
  child.tell('on');
  await child.line((line) => line.startsWith('not-leader'));
  await sink.deliver(batchOf(sampleTransaction(3, 1)), signal);
  await sink.flush(signal);
  await sink.close();
  expect((await readFile(path, 'utf8')).trim().split('\n')).toHaveLength(3);
});

test('outcomes of XA transactions are lines like all others, also as the first and the last of a file', async () => {
  const outcome = (sequence: number): ChangeRecord => {
    const [sample] = sampleTransaction(sequence, 1);
    const { id, ts, tx, source } = sample!;
    return { id, type: 'xa', outcome: 'commit', xid: "X'6f6e65',X'',1", ts, tx, source };
  };
  await write(null, [outcome(1)], sampleTransaction(2, 3), [outcome(3)]);
  const { recovery } = await openSink();
  expect(sequences(recovery)).toEqual([1, 2, 3]);
  expect(recovery).toMatchObject({
    ending: { transactions: [{}, {}, { second: secondOf(3), digest: digestOf(3) }] },
  });
});
