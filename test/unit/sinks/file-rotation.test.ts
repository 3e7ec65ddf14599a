import { batchOf } from '../../../src/records/record-batch.js';
import { truncateSync } from 'node:fs';
import {
  appendFile,
  link,
  mkdir,
  mkdtemp,
  open,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  symlink,
  truncate,
  unlink,
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
import type { Disk, OpenFile } from '../../../src/runtime/disk.js';
import { nodeDisk } from '../../../src/runtime/node-disk.js';
import { nodeRuntime } from '../../../src/runtime/node.js';
import { runIn } from '../../../src/runtime/runtime.js';
import { Random } from '../../support/random.js';
import { sampleTransaction } from './sample-records.js';

const { signal } = new AbortController();
let folder: string;
let path: string;
let token = 0;
let sinks: Sink[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'waymark-rotation-'));
  path = join(folder, 'audit.ndjson');
  sinks = [];
});

afterEach(async () => {
  for (const sink of sinks) await sink.close().catch(() => undefined);
  await rm(folder, { recursive: true, force: true });
});

/** Opens the file as a new leader does: whoever has it open still is as good as dead. */
async function takeOver(
  position: SinkPosition | null,
): Promise<{ sink: Sink; recovery: SinkRecovery; told: number[] }> {
  token += 1;
  const sink = fileSink({ path, margin: 10 });
  const before = sinks;
  sinks = [sink];
  const recovery = await sink.open(position, signal, { stream: 'shop', token });
  for (const one of before) await one.close().catch(() => undefined);
  const { ending, delivered } = recovery;
  const transactions = ending?.kind === 'known' ? ending.transactions : delivered;
  return { sink, recovery, told: transactions.map(({ sequence }) => sequence) };
}

async function recordsOf(file: string): Promise<ChangeRecord[]> {
  const text = await readFile(file, 'utf8');
  expect(text === '' || text.endsWith('\n')).toBe(true);
  const lines = text.split('\n').slice(0, -1);
  return lines.map((line) => JSON.parse(line) as ChangeRecord);
}

/** Numbers of the transactions that a file has, one for each record. */
async function numbersIn(file: string): Promise<number[]> {
  return (await recordsOf(file)).map(({ tx }) => tx.seq);
}

describe('a file that has been renamed', () => {
  test('is followed by a new one at the next transaction’s end, and never in the middle', async () => {
    const { sink } = await takeOver(null);
    const first = sampleTransaction(1, 4);
    await sink.deliver(batchOf(first.slice(0, 2)), signal);
    await rename(path, `${path}.1`);
    await sink.deliver(batchOf(first.slice(2, 3)), signal);
    await sink.deliver(
      batchOf([...first.slice(3), ...sampleTransaction(2, 2), ...sampleTransaction(3, 3).slice(0, 1)]),
      signal,
    );
    await sink.deliver(batchOf(sampleTransaction(3, 3).slice(1)), signal);
    expect(await numbersIn(`${path}.1`)).toEqual([1, 1, 1, 1, 2, 2]);
    expect(await numbersIn(path)).toEqual([3, 3, 3]);
  });

  test.each([
    ['nothing else', () => Promise.resolve()],
    ['an empty file in its place', () => writeFile(path, '')],
  ])('is noticed when idle, too, with %s', async (_, andThen) => {
    const { sink } = await takeOver(null);
    await sink.deliver(batchOf(sampleTransaction(1, 1)), signal);
    const stop = new AbortController();
    const watching = sink.watch!(stop.signal);
    watching.catch(() => undefined);
    await rename(path, `${path}.1`);
    await andThen();
    const since = performance.now();
    const note = `${path}.position-${String(token)}`;
    await expect.poll(async () => readFile(note, 'utf8'), { interval: 20 }).toContain('"file":2');
    expect(performance.now() - since).toBeLessThan(1000);
    await sink.deliver(batchOf(sampleTransaction(2, 1)), signal);
    expect([await numbersIn(`${path}.1`), await numbersIn(path)]).toEqual([[1], [2]]);
    stop.abort(new Error('enough'));
    await expect(watching).rejects.toThrow('enough');
  });

  test('may be gone: what it held behind the checkpoint is known, over two rotations, too', async () => {
    const { sink } = await takeOver(null);
    await sink.deliver(batchOf(sampleTransaction(1, 2)), signal);
    const position = (await sink.flush(signal))!;
    sink.saved!(position);
    for (const number of [2, 3, 4]) {
      await sink.deliver(
        batchOf([...sampleTransaction(2 * number, 2), ...sampleTransaction(2 * number + 1, 1)]),
        signal,
      );
      if (number === 4) break;
      await rename(path, `${path}.1`);
      // The next delivery notices it, and so the rotation lies behind that one: this is what SIGUSR2 does at once.
      sink.rotate!();
      await expect
        .poll(() =>
          stat(path).then(
            ({ size }) => size,
            () => null,
          ),
        )
        .toBe(0);
      await unlink(`${path}.1`);
    }
    const next = await takeOver(position);
    expect(next.told).toEqual([4, 5, 6, 7, 8, 9]);
    expect(next.recovery).not.toHaveProperty('ending');
    expect(next.recovery).not.toHaveProperty('warnings');
  });

  test('is found by a new leader, who cuts off what is unfinished in it, and goes on in a new one', async () => {
    const { sink } = await takeOver(null);
    await sink.deliver(batchOf(sampleTransaction(1, 2)), signal);
    const position = (await sink.flush(signal))!;
    await sink.deliver(batchOf([...sampleTransaction(2, 1), ...sampleTransaction(3, 5).slice(0, 3)]), signal);
    await rename(path, join(folder, 'audit-20261129.ndjson'));
    const next = await takeOver(position);
    expect(next.told).toEqual([2]);
    expect(next.recovery.cutOff).toMatchObject({ records: 3 });
    await next.sink.deliver(batchOf(sampleTransaction(3, 2)), signal);
    expect(await numbersIn(join(folder, 'audit-20261129.ndjson'))).toEqual([1, 1, 2]);
    expect(await numbersIn(path)).toEqual([3, 3]);
    // Without a checkpoint it is known, too, where the records end.
    const last = await takeOver(null);
    expect(last.told).toEqual([1, 2, 3]);
  });

  test.each(['nothing', 'an empty file'])(
    'while a new leader opens it is the same file under another name, with %s in its place',
    async (inPlace) => {
      const first = await takeOver(null);
      await first.sink.deliver(batchOf(sampleTransaction(1, 2)), signal);
      const position = await first.sink.flush(signal);
      await first.sink.deliver(batchOf(sampleTransaction(2, 2)), signal);
      await first.sink.flush(signal);
      const renamed = `${path}.1`;
      const disk: Disk = {
        ...nodeDisk,
        async open(name, mode, permissions) {
          // A name is opened in order to write again what the disk may not have, behind the first look at the file.
          if (name === path && mode === 'change') {
            await rename(path, renamed);
            if (inPlace === 'an empty file') await writeFile(path, '');
          }
          return nodeDisk.open(name, mode, permissions);
        },
      };
      const { sink, told } = await runIn({ ...nodeRuntime, disk }, () => takeOver(position));
      expect(told).toEqual([2]);
      await sink.deliver(batchOf(sampleTransaction(3, 2)), signal);
      await sink.flush(signal);
      expect(await numbersIn(renamed)).toEqual([1, 1, 2, 2]);
      expect(await numbersIn(path)).toEqual([3, 3]);
    },
  );

  test('truncated at the moment when its end is written again: a loss by name, not a hole', async () => {
    const first = await takeOver(null);
    await first.sink.deliver(batchOf(sampleTransaction(1, 2)), signal);
    const position = await first.sink.flush(signal);
    await first.sink.deliver(batchOf(sampleTransaction(2, 2)), signal);
    await first.sink.close();
    const disk: Disk = {
      ...nodeDisk,
      async open(name, mode, permissions) {
        const handle = await nodeDisk.open(name, mode, permissions);
        if (name !== path || mode !== 'change') return handle;
        const write: OpenFile['write'] = async (...written) => {
          await truncate(path, 0);
          return handle.write(...written);
        };
        return {
          ...{ status: () => handle.status(), read: (...asked) => handle.read(...asked), write },
          ...{ readFile: () => handle.readFile(), writeFile: (content) => handle.writeFile(content) },
          ...{ truncate: (bytes) => handle.truncate(bytes), sync: () => handle.sync() },
          ...{ datasync: () => handle.datasync(), close: () => handle.close() },
        };
      },
    };
    await expect(runIn({ ...nodeRuntime, disk }, () => takeOver(position))).rejects.toThrow(
      'was truncated by another process while it was opened',
    );
  });

  test('that is gone, with its checkpoint, is a loss by name; without any trace a stream begins', async () => {
    const { sink } = await takeOver(null);
    await sink.deliver(batchOf(sampleTransaction(1, 1)), signal);
    await sink.close();
    await unlink(path);
    const { recovery } = await takeOver(null);
    expect(recovery.ending).toMatchObject({ kind: 'lost' });
    await rm(folder, { recursive: true });
    await mkdir(folder);
    expect((await takeOver(null)).recovery).not.toHaveProperty('ending');
  });

  test('waits when too much would have to be remembered, until a checkpoint has been saved', async () => {
    const { sink } = await takeOver(null);
    sink.saved!((await sink.flush(signal))!);
    const many = Array.from({ length: 1000 }, (_, index) => sampleTransaction(index + 1, 1)).flat();
    for (let time = 0; time < 101; time += 1) await sink.deliver(batchOf(many), signal);
    await rename(path, `${path}.1`);
    await sink.deliver(batchOf(sampleTransaction(1, 1)), signal);
    expect(sink.trouble).toContain('waits for a checkpoint');
    expect(await readdir(folder)).not.toContain('audit.ndjson');
    sink.saved!((await sink.flush(signal))!);
    await sink.deliver(batchOf(sampleTransaction(2, 1)), signal);
    expect(sink.trouble).toBeNull();
    expect(await numbersIn(path)).toEqual([2]);
  }, 60_000);

  test('behind a symbolic link that leads elsewhere now: the lock follows', async () => {
    await mkdir(join(folder, 'a'));
    await mkdir(join(folder, 'b'));
    await symlink(join('a', 'audit'), path);
    const { sink } = await takeOver(null);
    await sink.deliver(batchOf(sampleTransaction(1, 1)), signal);
    await symlink(join('b', 'audit'), `${path}.new`);
    await rename(`${path}.new`, path);
    await sink.deliver(batchOf(sampleTransaction(2, 1)), signal);
    expect(await numbersIn(join(folder, 'a', 'audit'))).toEqual([1]);
    expect(await numbersIn(join(folder, 'b', 'audit'))).toEqual([2]);
    await expect(fileSink({ path: join(folder, 'b', 'audit') }).open(null, signal)).rejects.toThrow(
      'is in use',
    );
    const other = fileSink({ path: join(folder, 'a', 'audit') });
    await other.open(null, signal);
    await other.close();
  });
});

test('whatever is renamed, compressed and killed when, each transaction stands in the files once', async () => {
  const step = fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({ kind: fc.constant('deliver' as const), rows: fc.integer({ min: 1, max: 5 }) }),
    },
    { weight: 3, arbitrary: fc.constant({ kind: 'save' as const }) },
    {
      weight: 3,
      arbitrary: fc.record({
        kind: fc.constant('rename' as const),
        creates: fc.boolean(),
        looks: fc.boolean(),
      }),
    },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('kill' as const), checkpoint: fc.boolean() }) },
    { weight: 1, arbitrary: fc.constant({ kind: 'compress' as const }) },
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
      await rm(folder, { recursive: true });
      await mkdir(folder);
      let { sink } = await takeOver(null);
      let saved: SinkPosition | null = null;
      let savedAt = 0;
      let parts = 0;
      const compressed = new Map<number, number[]>();
      /** Of the transaction under way. */
      let [sequence, row] = [1, 0];
      for (const now of steps) {
        if (now.kind === 'deliver') {
          const records = sampleTransaction(sequence, 4).slice(row, row + now.rows);
          const next = now.rows > records.length ? sampleTransaction(sequence + 1, 4).slice(0, 1) : [];
          await sink.deliver(batchOf([...records, ...next]), signal);
          row += records.length;
          if (row === 4) [sequence, row] = [sequence + 1, next.length];
        } else if (now.kind === 'save') {
          saved = (await sink.flush(signal))!;
          savedAt = sequence - 1;
          sink.saved!(saved);
        } else if (now.kind === 'rename') {
          const there = await stat(path).catch(() => null);
          if (there === null || there.size === 0) continue;
          parts += 1;
          await rename(path, `${path}.${String(parts)}`);
          if (now.creates) await writeFile(path, '');
          if (now.looks) {
            sink.rotate!();
            await sink.flush(signal);
          }
        } else if (now.kind === 'compress') {
          // What logrotate's delaycompress leaves alone: the newest one, which may be written still.
          const old = parts - 1;
          const file = `${path}.${String(old)}`;
          const numbers = await numbersIn(file).catch(() => null);
          if (numbers === null) continue;
          compressed.set(old, numbers);
          await unlink(file);
        } else {
          const position: SinkPosition | null = now.checkpoint ? saved : null;
          const next = await takeOver(position);
          const { told, recovery } = next;
          const from = recovery.ending === undefined ? savedAt : (told[0] ?? 1) - 1;
          expect(told).toEqual(Array.from({ length: sequence - 1 - from }, (_, index) => from + index + 1));
          sink = next.sink;
          row = 0;
        }
      }
      await sink.deliver(batchOf(sampleTransaction(sequence, 4).slice(row)), signal);
      await sink.close();
      const numbers: number[] = [];
      for (let part = 1; part <= parts; part += 1) {
        numbers.push(...(compressed.get(part) ?? (await numbersIn(`${path}.${String(part)}`))));
      }
      numbers.push(...(await numbersIn(path).catch(() => [])));
      expect(numbers).toEqual(Array.from({ length: sequence * 4 }, (_, index) => Math.floor(index / 4) + 1));
    }),
    { numRuns: 60, seed: Number(process.env['WAYMARK_TEST_SEED'] ?? 7) },
  );
}, 120_000);

describe('damage', () => {
  const damages: readonly [string, () => Promise<unknown>, string][] = [
    ['cut to nothing (copytruncate)', () => truncate(path, 0), 'has 0 bytes'],
    [
      'cut a little',
      async () => truncate(path, (await stat(path)).size - 10),
      'was changed by another process',
    ],
    ['written behind', () => appendFile(path, 'hello\n'), 'was changed by another process'],
    ['changed at its end', () => changeEnd(), 'its last bytes are not those'],
    ['deleted', () => unlink(path), 'was deleted'],
    ['deleted, and an empty one made', () => unlink(path).then(() => writeFile(path, '')), 'was deleted'],
    ['replaced', () => rename(path, `${path}.1`).then(() => writeFile(path, 'hello\n')), 'was replaced'],
    ['replaced by a folder', () => rename(path, `${path}.1`).then(() => mkdir(path)), 'was replaced'],
    [
      'overwritten by a rename',
      async () => {
        await link(path, `${path}.kept`);
        await writeFile(`${path}.other`, 'hello\n');
        await rename(`${path}.other`, path);
      },
      'was replaced',
    ],
  ];

  async function changeEnd(): Promise<void> {
    const file = await open(path, 'r+');
    await file.write('X', (await file.stat()).size - 5);
    await file.close();
  }

  test.each(damages)(
    '%s: the watch ends by name within a second, and nothing more is taken',
    async (_, damage, what) => {
      const { sink } = await takeOver(null);
      await sink.deliver(batchOf(sampleTransaction(1, 20)), signal);
      const watching = sink.watch!(signal);
      const ended = expect(watching).rejects.toMatchObject({
        code: 'sink',
        message: expect.stringContaining(what) as string,
      });
      await damage();
      const since = performance.now();
      const after = await readFile(path).catch(() => null);
      await ended;
      expect(performance.now() - since).toBeLessThan(1000);
      await expect(sink.deliver(batchOf(sampleTransaction(2, 1)), signal)).rejects.toThrow(what);
      await expect(sink.flush(signal)).rejects.toThrow(what);
      await sink.close();
      expect(await readFile(path).catch(() => null)).toEqual(after);
    },
  );

  test.each(damages.filter(([name]) => name !== 'changed at its end'))(
    '%s: the next delivery is refused, and no zero bytes are written',
    async (_, damage, what) => {
      const { sink } = await takeOver(null);
      await sink.deliver(batchOf(sampleTransaction(1, 20)), signal);
      await damage();
      const after = await readFile(path).catch(() => null);
      await expect(sink.deliver(batchOf(sampleTransaction(2, 1)), signal)).rejects.toThrow(what);
      expect(await readFile(path).catch(() => null)).toEqual(after);
    },
  );

  test('between the look and the write: no hole of zero bytes, and no position speaks of it', async () => {
    const { sink } = await takeOver(null);
    const random = new Random(Number(process.env['WAYMARK_TEST_SEED'] ?? 3));
    await sink.deliver(batchOf(sampleTransaction(1, 200)), signal);
    const delivering = (async () => {
      for (let number = 2; ; number += 1) await sink.deliver(batchOf(sampleTransaction(number, 20)), signal);
    })();
    const refused = expect(delivering).rejects.toThrow('was changed by another process');
    await new Promise((resolve) => setTimeout(resolve, random.between(1, 30)));
    truncateSync(path, 0);
    await refused;
    await expect(sink.flush(signal)).rejects.toMatchObject({ code: 'sink' });
    expect((await readFile(path)).includes(0)).toBe(false);
  });
});
