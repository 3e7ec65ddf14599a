import { batchOf } from '../../../src/records/record-batch.js';
import { chmod, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { CheckpointStore } from '../../../src/checkpoint/checkpoint.js';
import { fileStore } from '../../../src/checkpoint/file-store.js';
import { loadConfig } from '../../../src/config/load.js';
import { Secret } from '../../../src/config/secret.js';
import { readAccount } from '../../../src/mysql/account.js';
import { fileSink } from '../../../src/sinks/file-sink.js';
import type { Sink } from '../../../src/sinks/sink.js';
import { type ErrorCode, WaymarkError } from '../../../src/util/errors.js';
import { acquireProcessLock, type ProcessLock } from '../../../src/util/process-lock.js';
import { Disk, mayMount } from '../../support/disk.js';
import { checkpointOf, longTrail } from '../checkpoint/samples.js';
import { sampleTransaction } from '../sinks/sample-records.js';

/** Everything that waits on a disk, with the disk lost in each of the ways: a full one, and so on. */

const { signal } = new AbortController();
const nobody = 65_534;

let disk: Disk;
/** Where things go; on the disk. */
let folder: string;

const faults = {
  full: () => {
    disk.fill();
    return Promise.resolve();
  },
  'read-only': () => {
    disk.makeReadOnly();
    return Promise.resolve();
  },
  gone: () => rm(folder, { recursive: true }),
  'of another user': async () => {
    await chmod(folder, 0o700);
    process.seteuid?.(nobody);
  },
  'a file where a folder was': async () => {
    await rm(folder, { recursive: true });
    await writeFile(folder, '');
  },
} as const;

type Fault = keyof typeof faults;

const opened: (() => Promise<void>)[] = [];

async function openStore(): Promise<CheckpointStore> {
  const store = fileStore({ path: folder, stream: checkpoint.stream });
  opened.push(() => store.close());
  await store.open(signal);
  return store;
}

async function openSink(): Promise<Sink> {
  const sink = fileSink({ path: join(folder, 'audit.ndjson') });
  opened.push(() => sink.close());
  await sink.open(null, signal);
  return sink;
}

async function lock(): Promise<ProcessLock> {
  const held = await acquireProcessLock(join(folder, 'some.lock'), {
    ...{ code: 'sink', subject: 'the file' },
    fencing: { stream: 'shop', token: 1 },
  });
  opened.push(() => held.release());
  return held;
}

/** What is done before the disk is lost, and what behind that. */
type Operation = {
  readonly name: string;
  readonly code: ErrorCode;
  readonly before?: () => Promise<(() => Promise<unknown>) | null>;
  readonly run?: () => Promise<unknown>;
  /** Losses that are another test's. */
  readonly leavesOut?: readonly Fault[];
  /** Losses at which it need not fail. */
  readonly bears?: readonly Fault[];
};

/** Larger than what is left of a disk that counts as full. */
const checkpoint = checkpointOf(longTrail(2000, 20));

const operations: readonly Operation[] = [
  {
    name: 'open a store',
    code: 'checkpoint-store',
    run: openStore,
    bears: ['full', 'read-only', 'of another user', 'gone'],
  },
  {
    name: 'read a checkpoint',
    code: 'checkpoint-store',
    before: async () => {
      const store = await openStore();
      await store.save(checkpoint, null, signal);
      return () => store.load(signal);
    },
    bears: ['full', 'read-only', 'gone'],
  },
  {
    name: 'write the first checkpoint',
    code: 'checkpoint-store',
    before: async () => {
      const store = await openStore();
      return () => store.save(checkpoint, null, signal);
    },
  },
  {
    name: 'write another checkpoint, under a leadership',
    code: 'checkpoint-store',
    before: async () => {
      const store = await openStore();
      const led = { ...checkpoint, fencingToken: 1 };
      const version = await store.save(led, null, signal);
      return () => store.save({ ...led, sequence: 13 }, version, signal);
    },
    // The record is gone as well, and so is the lock: that is somebody else's doing, and said so.
    bears: [],
  },
  { name: 'open a sink', code: 'sink', run: openSink, bears: ['full'] },
  {
    name: 'deliver to a sink',
    code: 'sink',
    before: async () => {
      const sink = await openSink();
      return () => sink.deliver(batchOf(sampleTransaction(1, 20, 2000)), signal);
    },
    // What is open can be written.
    bears: ['gone', 'of another user', 'a file where a folder was'],
    // Room is waited for (sinks/disk-full.test.ts); what is open for writing can't be made read-only.
    leavesOut: ['full', 'read-only'],
  },
  { name: 'take a lock', code: 'sink', run: lock, bears: [] },
  {
    name: 'write under a lock',
    code: 'sink',
    before: async () => {
      const held = await lock();
      return () => held.guard(() => Promise.resolve());
    },
    bears: ['full'],
  },
  {
    name: 'read a config file',
    code: 'config',
    before: async () => {
      await writeFile(join(folder, 'waymark.yaml'), 'stream: shop');
      return () => loadConfig(join(folder, 'waymark.yaml'), {});
    },
  },
  {
    name: "read an account's TLS files",
    code: 'config',
    before: async () => {
      const ca = join(folder, 'ca.pem');
      await writeFile(ca, 'ca');
      return () => readAccount({ user: 'u', password: new Secret('p'), tls: { ca, verify: true } });
    },
    bears: ['full', 'read-only'],
  },
];

describe.runIf(mayMount).each(operations)('$name', ({ code, before, run, leavesOut = [], bears = [] }) => {
  beforeEach(async () => {
    disk = Disk.mount();
    folder = join(disk.folder, 'here');
    await mkdir(folder);
  });

  afterEach(async () => {
    process.seteuid?.(0);
    await Promise.allSettled(opened.splice(0).map((close) => close()));
    disk.unmount();
  });

  const met = (Object.keys(faults) as Fault[]).filter((fault) => !leavesOut.includes(fault));
  test.each(met)('on a disk that is %s', async (fault) => {
    const then = (await before?.()) ?? null;
    await faults[fault]();
    const error = await (then ?? run)?.().then(
      () => null,
      (thrown: unknown) => thrown,
    );
    if (error === null) {
      expect(bears).toContain(fault);
      return;
    }
    expect(error).toBeInstanceOf(WaymarkError);
    const codes = [
      code,
      ...(code === 'checkpoint-store' ? ['checkpoint-conflict', 'not-leader'] : ['not-leader']),
    ];
    expect(codes).toContain((error as WaymarkError).code);
    expect((error as WaymarkError).message).toMatch(/waymark-disk/);
  });
});
