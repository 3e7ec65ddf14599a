import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { expect, test } from 'vitest';
import { fileStore } from '../../../src/checkpoint/file-store.js';
import { Checkpointer } from '../../../src/tail/checkpointer.js';
import { KeptLayouts } from '../../../src/tail/kept-layouts.js';
import { streamSink } from '../../../src/sinks/stream-sink.js';
import { newProgress } from '../../../src/tail/progress.js';
import { longTrail } from '../checkpoint/samples.js';

const { signal } = new AbortController();

const progress = { ...newProgress(10), coordinates: { file: 'mysql-bin.000001', position: 4 } };

test('what of the trail a record has no room for is said when it begins and when it ends, and shown', async () => {
  const path = await mkdtemp(join(tmpdir(), 'waymark-checkpointer-'));
  const store = fileStore({ path, stream: 's' });
  const said: Record<string, unknown>[] = [];
  const logger = pino({ level: 'info' }, { write: (line) => said.push(JSON.parse(line) as never) });
  try {
    await store.open(signal);
    const long = { ...newProgress(100_000), coordinates: { file: 'mysql-bin.000001', position: 4 } };
    const checkpointer = new Checkpointer({
      ...{ stream: 's', store, sink: streamSink().sink, sinkSignal: signal, progress: long, version: null },
      layouts: new KeptLayouts('s'),
      logger,
    });
    checkpointer.reading({ host: 'db1', port: 3306, serverId: 1, uuid: 'u' }, true);
    long.keeper.restore(longTrail(60_000, 100), 0);
    await checkpointer.saveNow('interval', signal);
    await checkpointer.saveNow('interval', signal);
    const stored = (await store.load(signal))?.checkpoint.trail.entries.length ?? 0;
    expect(stored).toBeGreaterThan(10_000);
    expect(checkpointer.droppedEntries).toBe(long.keeper.entries.length - stored);
    long.keeper.restore(longTrail(1000, 100), 0);
    await checkpointer.saveNow('interval', signal);
    expect(checkpointer.droppedEntries).toBe(0);
    const cuts = said.filter(({ event }) => event === 'checkpoint.trail-cut');
    expect(cuts).toMatchObject([
      { level: 40, droppedEntries: 60_000 - stored },
      { level: 30, droppedEntries: 0 },
    ]);
  } finally {
    await store.close();
    await rm(path, { recursive: true });
  }
});

test('a save that the stop of the agent ends is no failure: the last record is written all the same', async () => {
  const path = await mkdtemp(join(tmpdir(), 'waymark-checkpointer-'));
  const store = fileStore({ path, stream: 's' });
  try {
    await store.open(signal);
    const checkpointer = new Checkpointer({
      ...{ stream: 's', store, sink: streamSink().sink, sinkSignal: signal, progress, version: null },
      layouts: new KeptLayouts('s'),
      logger: pino({ level: 'silent' }),
    });
    checkpointer.reading({ host: 'db1', port: 3306, serverId: 1, uuid: 'u' }, true);
    await checkpointer.begin('start', signal);

    progress.coordinates = { file: 'mysql-bin.000001', position: 4711 };
    await checkpointer.between(true, AbortSignal.abort(new Error('Interrupted by SIGTERM')));
    await checkpointer.saveNow('stop', signal);
    expect(checkpointer.failures).toBe(0);
    expect((await store.load(signal))?.checkpoint.coordinates.position).toBe(4711);
  } finally {
    await store.close();
    await rm(path, { recursive: true });
  }
});

test('reading from the next server does not wait for the sink. The record is saved with the first batch', async () => {
  const path = await mkdtemp(join(tmpdir(), 'waymark-checkpointer-'));
  const store = fileStore({ path, stream: 's' });
  const flushed = { count: 0 };
  const sink = streamSink().sink;
  const counted: typeof sink = {
    ...sink,
    flush: (ends) => {
      flushed.count += 1;
      return sink.flush(ends);
    },
  };
  const saved: unknown[] = [];
  const logger = pino({ level: 'info' }, { write: (line) => saved.push(JSON.parse(line)) });
  try {
    await store.open(signal);
    const checkpointer = new Checkpointer({
      ...{ stream: 's', store, sink: counted, sinkSignal: signal, progress, version: null },
      ...{ layouts: new KeptLayouts('s'), logger },
    });
    checkpointer.reading({ host: 'db1', port: 3306, serverId: 1, uuid: 'u' }, true);
    await checkpointer.begin('start', signal);
    expect(flushed.count).toBe(1);

    checkpointer.reading({ host: 'db2', port: 3306, serverId: 2, uuid: 'v' }, true);
    await checkpointer.begin('switch', signal);
    expect(flushed.count).toBe(1);
    // Neither is the interval over, nor has anything been delivered.
    await checkpointer.between(false, signal);
    expect(flushed.count).toBe(2);
    await checkpointer.saveNow('stop', signal);
    expect(saved).toMatchObject([{ reason: 'start' }, { reason: 'switch' }, { reason: 'stop' }]);
    expect((await store.load(signal))?.checkpoint.server).toMatchObject({ host: 'db2' });
    await checkpointer.between(false, signal);
    expect(flushed.count).toBe(3);
  } finally {
    await store.close();
    await rm(path, { recursive: true });
  }
});
