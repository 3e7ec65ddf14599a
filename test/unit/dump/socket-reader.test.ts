import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { newPulse, type Pulse } from '../../../src/dump/pulse.js';
import { SocketReader } from '../../../src/dump/socket-reader.js';

let server: Server;
let client: Socket;
let peer: Socket;
let reader: SocketReader;
let pulse: Pulse;
let controller: AbortController;

beforeEach(async () => {
  server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  const [accepted] = (await once(server, 'connection')) as [Socket];
  peer = accepted;
  peer.on('error', () => undefined);
  controller = new AbortController();
  pulse = newPulse();
  reader = new SocketReader(client, controller.signal, pulse);
});

afterEach(async () => {
  client.destroy();
  peer.destroy();
  server.close();
  await once(server, 'close');
});

/** Reads until so many bytes have come. */
async function readBytes(count: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for (let bytes = 0; bytes < count;) {
    const some = await reader.read(5000);
    if (typeof some === 'string') throw new Error(some);
    chunks.push(...some);
    bytes += some.reduce((sum, { length }) => sum + length, 0);
  }
  return Buffer.concat(chunks);
}

test('what is written is read, in order', async () => {
  const sent = Buffer.from(Array.from({ length: 500_000 }, (_, index) => index % 251));
  peer.write(sent.subarray(0, 10));
  expect((await readBytes(10)).equals(sent.subarray(0, 10))).toBe(true);
  peer.write(sent.subarray(10));
  expect((await readBytes(sent.length - 10)).equals(sent.subarray(10))).toBe(true);
});

test('what comes shows that the peer lives, though nobody reads it', async () => {
  const before = pulse.quietSinceMs ?? Infinity;
  peer.write('x');
  await expect.poll(() => pulse.quietSinceMs).toBeGreaterThan(before);
  expect(pulse.waitingSinceMs).toBeNull();
});

describe('a consumer that stalls', () => {
  const total = 64 * 1024 * 1024;

  test('stops the peer, and has nothing lost when it goes on', async () => {
    const piece = Buffer.alloc(64 * 1024);
    let written = 0;
    const write = (): void => {
      while (written < total) {
        piece.writeUInt32LE(written, 0);
        written += piece.length;
        if (!peer.write(Buffer.from(piece))) break;
      }
    };
    peer.on('drain', write);
    write();
    await expect.poll(() => client.isPaused(), { timeout: 10_000 }).toBe(true);
    // What it sends finds no room. So nobody can say that it is quiet.
    expect(pulse.quietSinceMs).toBeNull();
    // Nobody reads. The peer comes to a stand when the buffers of both sides and of the system are full.
    let before = -1;
    while (written !== before) {
      before = written;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    expect(client.isPaused()).toBe(true);
    expect(written).toBeLessThan(total / 2);
    const received = await readBytes(total);
    expect(received.length).toBe(total);
    for (let at = 0; at < total; at += piece.length) expect(received.readUInt32LE(at)).toBe(at);
  });

  test('gets as much at once as takes some milliseconds, in order', async () => {
    const sent = Buffer.from(Array.from({ length: 3_000_000 }, (_, index) => index % 251));
    peer.write(sent);
    await expect.poll(() => client.isPaused(), { timeout: 10_000 }).toBe(true);
    const received: Buffer[] = [];
    for (let bytes = 0; bytes < sent.length;) {
      const some = await reader.read(5000);
      if (typeof some === 'string') throw new Error(some);
      const count = some.reduce((sum, { length }) => sum + length, 0);
      expect(count).toBeGreaterThan(0);
      expect(count).toBeLessThanOrEqual((256 + 64) * 1024);
      received.push(...some);
      bytes += count;
    }
    expect(Buffer.concat(received).equals(sent)).toBe(true);
  });

  test('is not taken for a silent server', async () => {
    peer.write('here');
    await once(client, 'data');
    await new Promise((resolve) => setTimeout(resolve, 150));
    expect(await reader.read(100)).toEqual([Buffer.from('here')]);
  });
});

test('silence is told, not before its time, and does no harm', async () => {
  const began = performance.now();
  expect(await reader.read(120)).toBe('silent');
  const took = performance.now() - began;
  expect(took).toBeGreaterThanOrEqual(119);
  expect(took).toBeLessThan(3000);
  peer.write('late');
  expect(await reader.read(5000)).toEqual([Buffer.from('late')]);
});

test('the end comes behind everything that was sent', async () => {
  peer.end('last words');
  expect(await reader.read(5000)).toEqual([Buffer.from('last words')]);
  expect(await reader.read(5000)).toBe('ended');
  expect(await reader.read(5000)).toBe('ended');
});

test('a reset connection is the error that it is', async () => {
  const reading = reader.read(5000);
  peer.resetAndDestroy();
  await expect(reading).rejects.toMatchObject({ code: 'ECONNRESET' });
});

test('a socket that is closed already', async () => {
  client.destroy();
  await once(client, 'close');
  expect(await new SocketReader(client, controller.signal, newPulse()).read(5000)).toBe('ended');
});

describe('the signal', () => {
  test('ends a read that waits, with its reason', async () => {
    const reading = reader.read(60_000);
    const reason = new Error('enough');
    controller.abort(reason);
    await expect(reading).rejects.toBe(reason);
  });

  test('comes before data', async () => {
    peer.write('data');
    await once(client, 'data');
    controller.abort(new Error('enough'));
    await expect(reader.read(5000)).rejects.toThrow('enough');
  });

  test('is let go of after every read', async () => {
    let listeners = 0;
    const { signal } = controller;
    const add = signal.addEventListener.bind(signal);
    const remove = signal.removeEventListener.bind(signal);
    signal.addEventListener = (...args: Parameters<typeof add>) => {
      listeners += 1;
      add(...args);
    };
    signal.removeEventListener = (...args: Parameters<typeof remove>) => {
      listeners -= 1;
      remove(...args);
    };
    for (let count = 0; count < 5; count += 1) await reader.read(5);
    expect(listeners).toBe(0);
  });
});
