import { batchOf } from '../../../src/records/record-batch.js';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { PassThrough, Writable } from 'node:stream';

import { pino } from 'pino';
import { describe, expect, test } from 'vitest';

import { createSink } from '../../../src/sinks/create-sink.js';
import { stdoutSink } from '../../../src/sinks/stdout-sink.js';
import { sampleTransaction } from './sample-records.js';

const { signal } = new AbortController();

/** A stream that takes a chunk only when it is told to. */
function slowStream() {
  const taken: string[] = [];
  const waiting: ((error?: Error) => void)[] = [];
  const stream = new Writable({
    highWaterMark: 1,
    write(chunk: Buffer, _, callback) {
      taken.push(chunk.toString());
      waiting.push(callback);
    },
  });
  return { stream, taken, answer: (error?: Error) => waiting.shift()?.(error) };
}

describe('stdoutSink', () => {
  test('writes one document per line and remembers nothing', async () => {
    const stream = new PassThrough();
    const sink = stdoutSink(stream);
    expect(await sink.open(null, signal)).toEqual({
      remembers: false,
      delivered: [],
      endsBetweenTransactions: false,
    });
    const records = [...sampleTransaction(1, 2), ...sampleTransaction(2, 1)];
    await sink.deliver(batchOf(records), signal);
    expect(await sink.flush(signal)).toBeNull();
    await sink.close();
    const lines = String(stream.read()).split('\n');
    expect(lines.pop()).toBe('');
    expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual(records);
    expect(stream.writableEnded).toBe(false);
    expect(stream.listenerCount('error')).toBe(0);
  });

  test('accepts only what the stream has taken', async () => {
    const { stream, taken, answer } = slowStream();
    const sink = stdoutSink(stream);
    await sink.open(null, signal);
    let accepted = false;
    const batch = batchOf(sampleTransaction(1, 3));
    const delivery = sink.deliver(batch, signal).then(() => (accepted = true));
    await expect.poll(() => taken.length).toBe(1);
    expect(accepted).toBe(false);
    expect(stream.writableLength).toBe(batch.lines.length);
    answer();
    await delivery;
    await sink.close();
  });

  test('a signal ends the wait for a reader that takes nothing', async () => {
    const { stream, answer } = slowStream();
    const sink = stdoutSink(stream);
    await sink.open(null, signal);
    const controller = new AbortController();
    const delivery = sink.deliver(batchOf(sampleTransaction(1, 1)), controller.signal);
    controller.abort(new Error('stopping'));
    await expect(delivery).rejects.toThrow('stopping');
    await sink.close();
    // The stream may still fail: nobody must be surprised by that.
    answer(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }));
    await expect(sink.deliver(batchOf([]), signal)).rejects.toThrow('not open');
  });

  test('other failures are told with their cause', async () => {
    const { stream, answer } = slowStream();
    const sink = stdoutSink(stream);
    await sink.open(null, signal);
    const delivery = sink.deliver(batchOf(sampleTransaction(1, 1)), signal);
    answer(new Error('ENOSPC: no space left on device'));
    await expect(delivery).rejects.toMatchObject({
      code: 'sink',
      message: 'stdout cannot be written: ENOSPC: no space left on device',
      cause: { message: 'ENOSPC: no space left on device' },
    });
    await expect(sink.flush(signal)).rejects.toMatchObject({ code: 'sink' });
    await sink.close();
  });
});

describe('on a real pipe', () => {
  const script = `
    import { stdoutSink } from './src/sinks/stdout-sink.ts';
    import { batchOf } from './src/records/record-batch.ts';
    import { sampleTransaction } from './test/unit/sinks/sample-records.ts';
    const sink = stdoutSink();
    const { signal } = new AbortController();
    await sink.open(null, signal);
    let delivered = 0;
    const ticks = setInterval(() => process.stderr.write('tick ' + delivered + '\\n'), 10);
    try {
      for (; delivered < Number(process.env.BATCHES); delivered++) {
        await sink.deliver(batchOf(sampleTransaction(delivered + 1, 100, 1_000)), signal);
      }
    } catch (error) {
      process.stderr.write(error.code + ': ' + error.message + '\\n');
      process.exitCode = 1;
    }
    await sink.close();
    clearInterval(ticks);
  `;

  function start(batches: number) {
    const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, BATCHES: String(batches) },
    });
    let errors = '';
    child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
    return { child, errors: () => errors };
  }

  test('a reader that stops stops the sink, but not the process; at the end nothing is missing', async () => {
    const { child, errors } = start(50);
    // Nobody reads yet: the pipe fills, the sink waits, the timers run on.
    await expect.poll(() => /(tick \d+\n)\1{5}/.exec(errors()), { timeout: 15_000 }).not.toBeNull();
    let lines = 0;
    child.stdout.on('data', (chunk: Buffer) => (lines += chunk.toString('latin1').split('\n').length - 1));
    const [code] = (await once(child, 'close')) as [number];
    expect({ code, lines }).toEqual({ code: 0, lines: 5_000 });
  });

  test('a reader that goes away is an error with a clear message', async () => {
    const { child, errors } = start(1_000_000);
    await once(child.stdout, 'data');
    child.stdout.destroy();
    const [code] = (await once(child, 'close')) as [number];
    expect(code).toBe(1);
    expect(errors()).toContain('sink: the reader of stdout has gone away');
  });
});

test('createSink makes what the configuration asks for', async () => {
  const matching = { margin: 10 };
  const logger = pino({ level: 'silent' });
  const stdout = createSink({ sink: { type: 'stdout' }, matching }, logger);
  expect((await stdout.open(null, signal)).remembers).toBe(false);
  await stdout.close();
  const file = createSink({ sink: { type: 'file', path: '/no/such/folder/audit.ndjson' }, matching }, logger);
  await expect(file.open(null, signal)).rejects.toThrow('/no/such/folder/audit.ndjson');
});
