import { describe, expect, test } from 'vitest';
import type { Socket } from '../../../src/runtime/network.js';
import type { Machine } from '../../simulation/world/machine.js';
import { seeds, settled, smallWorld } from './small-world.js';

const port = 3306;

/** All that a socket emits, in a list. */
function record(socket: Socket): { readonly events: string[]; readonly bytes: Buffer[] } {
  const seen: { events: string[]; bytes: Buffer[] } = { events: [], bytes: [] };
  for (const name of ['connect', 'end', 'close']) socket.on(name, () => seen.events.push(name));
  socket.on('error', (error) => seen.events.push('code' in error ? String(error.code) : error.message));
  socket.on('data', (chunk: Buffer) => seen.bytes.push(chunk));
  return seen;
}

/** A client on the first machine, a server on the second that keeps what it gets. */
function pair(seed: string) {
  const { world, network, machines } = smallWorld(seed);
  const [here, there] = machines as [Machine, Machine];
  const client = here.start('client');
  const server = there.start('server');
  const accepted: { socket: Socket; seen: ReturnType<typeof record> }[] = [];
  const stop = network.listen(server, port, (socket) => accepted.push({ socket, seen: record(socket) }));
  const connect = (host = '10.0.0.2', at = port): { socket: Socket; seen: ReturnType<typeof record> } => {
    const socket = client.run(() => client.runtime.network.connect({ host, port: at }));
    return { socket, seen: record(socket) };
  };
  return { world, network, here, there, client, server, accepted, connect, stop };
}

/** A client and a server that are connected. */
async function connected(seed: string) {
  const all = pair(seed);
  const mine = all.connect();
  await all.world.run({ forMs: 10_000, until: () => mine.seen.events.includes('connect') });
  const [theirs] = all.accepted as [(typeof all.accepted)[0]];
  return { ...all, mine, theirs };
}

describe('a connection', () => {
  test('brings the bytes of both ends in their order, cut anywhere', async () => {
    const firsts = new Set<number>();
    for (const seed of seeds(20)) {
      const { world, mine, theirs } = await connected(seed);
      const sent = Array.from({ length: 30 }, (_, index) => Buffer.alloc((30 - index) * 7, index));
      for (const bytes of sent) {
        mine.socket.write(bytes);
        theirs.socket.write(bytes);
      }
      mine.socket.end();
      await world.run({ forMs: 60_000 });
      expect(Buffer.concat(theirs.seen.bytes).equals(Buffer.concat(sent))).toBe(true);
      expect(Buffer.concat(mine.seen.bytes).equals(Buffer.concat(sent))).toBe(true);
      expect(theirs.seen.events).toEqual(['end', 'close']);
      expect(mine.seen.events).toEqual(['connect', 'end', 'close']);
      firsts.add(theirs.seen.bytes[0]?.length ?? 0);
    }
    expect(firsts.size).toBeGreaterThan(2);
  });

  test('brings what was written, whatever becomes of the room that it was written from', async () => {
    const { world, mine, theirs } = await connected('1');
    const room = Buffer.from('hello');
    mine.socket.write(room, () => room.fill(0));
    await world.run({ forMs: 1000 });
    expect(Buffer.concat(theirs.seen.bytes).toString()).toBe('hello');
  });

  test('is made by name, and its host is looked up', async () => {
    const { world, client, connect } = pair('1');
    const { seen } = connect('m2');
    const found = client.run(() => client.runtime.network.addressesOf('m2'));
    expect(await settled(world, found)).toEqual(['10.0.0.2']);
    await world.run({ forMs: 10_000 });
    expect(seen.events).toEqual(['connect']);
  });

  test.each([
    ['nobody listens', '10.0.0.2', 99, 'ECONNREFUSED'],
    ['nobody has heard of the host', 'nowhere', port, 'ENOTFOUND'],
  ])('fails where %s', async (_what, host, at, code) => {
    const { world, client, connect } = pair('1');
    const { seen } = connect(host, at);
    await world.run({ forMs: 10_000 });
    expect(seen.events).toEqual([code, 'close']);
    if (code !== 'ENOTFOUND') return;
    const found = client.run(() => client.runtime.network.addressesOf(host));
    await expect(settled(world, found)).rejects.toMatchObject({ code });
  });

  test('can be written to before it is made', async () => {
    const { world, connect, accepted } = pair('1');
    const { socket } = connect();
    socket.end('hello');
    await world.run({ forMs: 10_000 });
    expect(Buffer.concat(accepted[0]?.seen.bytes ?? []).toString()).toBe('hello');
  });

  test('that is given up while it is made never stands', async () => {
    for (const seed of seeds(20)) {
      const { world, network, connect, accepted } = pair(seed);
      const { socket, seen } = connect();
      world.after(Number(seed) / 10, 'gives up', () => socket.destroy());
      await world.run({ forMs: 10_000 });
      expect(seen.events.filter((name) => name !== 'connect')).toEqual(['close']);
      for (const { socket: theirs } of accepted) expect(theirs.destroyed).toBe(true);
      expect(network.connections).toEqual([]);
    }
  });

  test('has who writes wait while the other end does not read', async () => {
    const { world, mine, theirs } = await connected('1');
    const bytes = Buffer.alloc(1024 * 1024, 'x');
    theirs.socket.pause();
    let accepted = 0;
    for (let from = 0; from < bytes.length; from += 16_384) {
      mine.socket.write(bytes.subarray(from, from + 16_384), () => (accepted += 16_384));
    }
    await world.run({ forMs: 10_000 });
    expect(accepted).toBeGreaterThan(32 * 1024);
    expect(accepted).toBeLessThan(256 * 1024);
    theirs.socket.resume();
    await world.run({ forMs: 60_000 });
    expect([accepted, Buffer.concat(theirs.seen.bytes).length]).toEqual([bytes.length, bytes.length]);
  });

  test('tells its end before what was under way is read when the other end is destroyed', async () => {
    const { world, mine, theirs } = await connected('1');
    theirs.socket.write('bye');
    await world.run({ forMs: 1 });
    theirs.socket.destroy();
    await world.run({ forMs: 10_000 });
    expect(Buffer.concat(mine.seen.bytes).toString()).toBe('bye');
    expect(mine.seen.events).toEqual(['connect', 'end', 'close']);
  });

  test('is reset where bytes were left unread, or come to where nobody knows of it', async () => {
    const { world, mine, theirs } = await connected('1');
    theirs.socket.pause();
    mine.socket.write(Buffer.alloc(200_000));
    await world.run({ forMs: 5000 });
    theirs.socket.destroy();
    await world.run({ forMs: 10_000 });
    expect(mine.seen.events).toEqual(['connect', 'ECONNRESET', 'close']);
  });
});

describe('faults of the network', () => {
  test('a reset is told to both ends', async () => {
    const { world, network, mine, theirs } = await connected('1');
    expect(network.connections).toHaveLength(1);
    network.connections[0]?.reset();
    await world.run({ forMs: 10_000 });
    expect(mine.seen.events).toEqual(['connect', 'ECONNRESET', 'close']);
    expect(theirs.seen.events).toEqual(['ECONNRESET', 'close']);
    expect(network.connections).toEqual([]);
  });

  test('a half-open connection is silent for ever', async () => {
    const { world, network, mine, theirs } = await connected('1');
    mine.socket.write('lost');
    network.connections[0]?.silence();
    theirs.socket.write('lost');
    await world.run({ forMs: 1_000_000 });
    expect([mine.seen.bytes, theirs.seen.bytes]).toEqual([[], []]);
    expect([mine.seen.events, theirs.seen.events]).toEqual([['connect'], []]);
    expect(mine.socket.destroyed).toBe(false);
  });

  test('what is sent over a way that is cut comes when it is healed', async () => {
    const { world, network, here, there, mine, theirs } = await connected('1');
    network.cut(here, there);
    mine.socket.write('one ');
    mine.socket.write('two');
    theirs.socket.end('three');
    await world.run({ forMs: 100_000 });
    expect([mine.seen.bytes, theirs.seen.bytes, mine.seen.events]).toEqual([[], [], ['connect']]);
    network.heal(here, there);
    await world.run({ forMs: 10_000 });
    expect(Buffer.concat(theirs.seen.bytes).toString()).toBe('one two');
    expect(Buffer.concat(mine.seen.bytes).toString()).toBe('three');
    expect(mine.seen.events).toEqual(['connect', 'end', 'close']);
  });

  test('a connection over a way that is cut is made once it is healed, or fails after two minutes', async () => {
    const { world, network, here, there, connect } = pair('1');
    network.cut(here, there);
    const first = connect();
    await world.run({ forMs: 20_000 });
    expect(first.seen.events).toEqual([]);
    network.heal(here, there);
    await world.run({ forMs: 20_000 });
    expect(first.seen.events).toEqual(['connect']);
    network.cut(there, here);
    const second = connect();
    await world.run({ forMs: 120_000 });
    expect(second.seen.events).toEqual([]);
    await world.run({ forMs: 20_000 });
    expect(second.seen.events).toEqual(['ETIMEDOUT', 'close']);
  });

  test('a lost segment comes later', async () => {
    const { world, network, mine, theirs } = await connected('1');
    network.loss = 0.5;
    const sent: string[] = [];
    for (let number = 0; number < 20; number += 1) {
      sent.push(String(number));
      mine.socket.write(`${String(number)} `);
    }
    const before = world.nowMs;
    await world.run({
      forMs: 1_000_000,
      until: () => Buffer.concat(theirs.seen.bytes).toString() === `${sent.join(' ')} `,
    });
    expect(world.nowMs - before).toBeGreaterThan(200);
    expect(world.nowMs - before).toBeLessThan(100_000);
  });
});

describe('an end of a connection', () => {
  test('that stands still is connected to and written to by its system, and reads when it goes on', async () => {
    const { world, server, connect, accepted } = pair('1');
    server.stop();
    const { socket, seen } = connect();
    socket.write('one ');
    await world.run({ forMs: 1000 });
    socket.write('two');
    await world.run({ forMs: 1000 });
    expect([seen.events, accepted.length]).toEqual([['connect'], 0]);
    server.goOn();
    await world.run({ forMs: 1000 });
    expect(Buffer.concat(accepted[0]?.seen.bytes ?? []).toString()).toBe('one two');
  });

  test('that is killed is closed by its system, and takes no more connections', async () => {
    const { world, server, mine, theirs, connect } = await connected('1');
    server.kill();
    await world.run({ forMs: 10_000 });
    expect(mine.seen.events).toEqual(['connect', 'end', 'close']);
    expect(theirs.seen.events).toEqual([]);
    const again = connect();
    await world.run({ forMs: 10_000 });
    expect(again.seen.events).toEqual(['ECONNREFUSED', 'close']);
  });

  test('that is killed with bytes unread is reset', async () => {
    const { world, server, mine } = await connected('1');
    server.stop();
    mine.socket.write('unread');
    await world.run({ forMs: 1000 });
    server.kill();
    await world.run({ forMs: 10_000 });
    expect(mine.seen.events).toEqual(['connect', 'ECONNRESET', 'close']);
  });

  test('that resets behind a cut is not heard; who writes to it later learns of it', async () => {
    for (const cutAfterMs of [0, 1000]) {
      const { world, network, here, there, server, mine, theirs } = await connected('1');
      server.stop();
      mine.socket.write('unread');
      await world.run({ forMs: 1000 });
      world.after(cutAfterMs, 'cut', () => {
        network.cut(here, there);
      });
      theirs.socket.write('lost');
      await world.run({ forMs: cutAfterMs });
      if (cutAfterMs > 0) server.run(() => theirs.socket.write('lost, too'));
      await world.run({ forMs: cutAfterMs });
      server.kill();
      await world.run({ forMs: 1000 });
      network.heal(here, there);
      await world.run({ forMs: 10_000 });
      expect(mine.seen.events).toEqual(['connect']);
      mine.socket.write('are you there?');
      await world.run({ forMs: 10_000 });
      expect(mine.seen.events).toEqual(['connect', 'ECONNRESET', 'close']);
      expect(Buffer.concat(mine.seen.bytes).toString()).toBe(cutAfterMs > 0 ? 'lost' : '');
    }
  });

  test('that is killed behind a cut is missed when the way is open again', async () => {
    const { world, network, here, there, server, mine } = await connected('1');
    network.cut(here, there);
    server.kill();
    await world.run({ forMs: 100_000 });
    expect(mine.seen.events).toEqual(['connect']);
    network.heal(here, there);
    await world.run({ forMs: 10_000 });
    expect(mine.seen.events).toEqual(['connect', 'end', 'close']);
  });

  test('whose machine loses power is silent; when it has booted, who writes to it learns of it', async () => {
    const { world, there, mine, theirs, connect } = await connected('1');
    theirs.socket.write('never sent');
    there.losePower();
    await world.run({ forMs: 100_000 });
    expect(mine.seen.events).toEqual(['connect']);
    const second = connect();
    await world.run({ forMs: 10_000 });
    expect(second.seen.events).toEqual([]);
    there.boot();
    await world.run({ forMs: 10_000 });
    expect(mine.seen.events).toEqual(['connect']);
    mine.socket.write('are you there?');
    await world.run({ forMs: 60_000 });
    expect(mine.seen.events).toEqual(['connect', 'ECONNRESET', 'close']);
    expect(mine.seen.bytes).toEqual([]);
    expect(second.seen.events).toEqual(['ECONNREFUSED', 'close']);
  });

  test('whose machine sleeps answers nobody until it wakes up', async () => {
    const { world, there, mine, theirs, connect } = await connected('1');
    there.sleep(5000);
    mine.socket.write('wake up');
    const second = connect();
    await world.run({ forMs: 4999 });
    expect([theirs.seen.bytes, second.seen.events]).toEqual([[], []]);
    await world.run({ forMs: 10_000 });
    expect(Buffer.concat(theirs.seen.bytes).toString()).toBe('wake up');
    expect(second.seen.events).toEqual(['connect']);
  });

  test('is not told anything outside of its process', async () => {
    const { world, network, client, server, mine, theirs } = await connected('1');
    const { runtime } = await import('../../../src/runtime/runtime.js');
    const strays: string[] = [];
    const watch = (socket: Socket, process: typeof client): void => {
      for (const name of ['data', 'drain', 'end', 'close', 'error'])
        socket.on(name, () => {
          if (runtime() !== process.runtime) strays.push(name);
        });
    };
    watch(mine.socket, client);
    watch(theirs.socket, server);
    client.run(() => mine.socket.write(Buffer.alloc(500_000)));
    server.run(() => theirs.socket.write(Buffer.alloc(500_000)));
    await world.run({ forMs: 60_000 });
    network.connections[0]?.reset();
    await world.run({ forMs: 60_000 });
    expect(strays).toEqual([]);
    expect(Buffer.concat(theirs.seen.bytes)).toHaveLength(500_000);
  });
});

test('a port that nobody listens at any more can be had again', async () => {
  const { world, network, server, stop, connect } = pair('1');
  expect(() => network.listen(server, port, () => undefined)).toThrow('somebody listens');
  stop();
  const none = connect();
  await world.run({ forMs: 1000 });
  expect(none.seen.events).toEqual(['ECONNREFUSED', 'close']);
  network.listen(server, port, () => undefined);
  const { seen } = connect();
  await world.run({ forMs: 1000 });
  expect(seen.events).toEqual(['connect']);
});
