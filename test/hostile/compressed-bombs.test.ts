import { request } from 'node:http';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { deflateSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { makeRunFolder, removeRunFolder } from '../servers/folders.js';
import { startServer } from '../servers/index.js';
import { until } from '../servers/wait.js';
import { AgentProcess } from '../support/agent-process.js';
import { latestMs } from '../support/hostile-agent.js';
import { Proxy } from '../support/proxy.js';
import { eventReplacer } from '../support/spoiler.js';
import { spoiltMemberIsLeft } from '../support/spoilt-member.js';
import { payloadEventOf } from '../unit/binlog/event-bytes.js';
import { plainZstd, repeatedZstd } from '../unit/binlog/zstd-frames.js';

/** What little there is on the wire unpacks to much, with right checksums. */

const mib = 1024 * 1024;
const memoryBytes = 512 * mib;
const writeRows: readonly number[] = [23, 30];

/** Where the images begin in the insert of a table with few columns. */
function imagesStart(event: Buffer): number {
  const head = 19 + 8 + (event[4] === 30 ? event.readUInt16LE(27) : 0);
  return head + 1 + (((event[head] ?? 0) + 7) >> 3);
}

/** The event with that many zeros for its rows, in MySQL's compressed transaction. */
function inPayload(event: Buffer, bytes: number): Buffer {
  const head = Buffer.from(event.subarray(0, imagesStart(event)));
  head.writeUInt32LE(head.length + bytes, 9);
  const packed = Buffer.concat([plainZstd([head]), repeatedZstd(0, bytes / (128 * 1024))]);
  const payload = payloadEventOf(packed);
  event.copy(payload, 0, 0, 4);
  event.copy(payload, 5, 5, 19);
  return payload;
}

/** The same compressed as MariaDB does it. */
function byMariadb(event: Buffer, bytes: number, zeros: Buffer): Buffer {
  const head = Buffer.from(event.subarray(0, imagesStart(event)));
  head.writeUInt8(event[4] === 30 ? 169 : 166, 4);
  const claim = Buffer.alloc(5, 0x84);
  claim.writeUInt32BE(bytes, 1);
  return Buffer.concat([head, claim, zeros]);
}

const zerosOf = (bytes: number): Buffer => deflateSync(Buffer.alloc(bytes));

type Bomb = (event: Buffer) => Buffer;

/** Bombs in the place of all inserts, when it is armed. */
function bomber(): { arm: (bomb: Bomb) => void; changer: ReturnType<typeof eventReplacer> } {
  let armed: Bomb | null = null;
  const changer = eventReplacer((event) => {
    if (armed === null || !writeRows.includes(event[4] ?? 0)) return null;
    return armed(event);
  });
  return {
    arm: (bomb) => {
      armed = bomb;
    },
    changer,
  };
}

const gigabyte = 1024 * mib;
const tooLarge: [string, () => Bomb][] = [
  ["an event of a gigabyte in MySQL's compressed transaction", () => (event) => inPayload(event, gigabyte)],
  [
    "MariaDB's compressed event that says it has a gigabyte, and has",
    () => {
      const zeros = zerosOf(gigabyte);
      return (event) => byMariadb(event, gigabyte, zeros);
    },
  ],
  [
    'and one that says it has less',
    () => {
      const zeros = zerosOf(gigabyte);
      return (event) => byMariadb(event, 4 * mib, zeros);
    },
  ],
];

test.each(tooLarge)(
  '%s: the member is left, and the next one taken',
  { timeout: 180_000 },
  async (_, make) => {
    const bomb = make();
    const { arm, changer } = bomber();
    await spoiltMemberIsLeft(
      changer,
      () => {
        arm(bomb);
      },
      (agent) => {
        const suspicion = agent.all('replica.suspect').find(({ code }) => code === 'protocol');
        expect(String(suspicion?.['reason'])).toMatch(/compressed/);
        expect(agent.peakRssBytes).toBeLessThan(memoryBytes);
      },
    );
  },
);

/**
 * How long the agent takes to answer, asked again and again for some time: of 95 of 100. One that takes longer may be the
 * machine's doing; whoever holds up the event loop holds up many.
 */
async function answersWithin(address: string, forMs: number): Promise<number> {
  const took: number[] = [];
  for (const until = performance.now() + forMs; performance.now() < until;) {
    const asked = performance.now();
    await new Promise<void>((resolve, reject) => {
      request(`http://${address}/readyz`, (response) => {
        response.resume().once('end', resolve);
      })
        .once('error', reject)
        .end();
    });
    took.push(performance.now() - asked);
    // The beat of the measurement, not a wait for anything.
    await pause(5);
  }
  return took.toSorted((a, b) => a - b)[Math.floor(took.length * 0.95)] ?? Infinity;
}

const many = 200 * mib;
test.each<[string, () => Bomb]>([
  ["in MySQL's compressed transaction", () => (event) => inPayload(event, many)],
  [
    "as MariaDB's compressed event",
    () => {
      const zeros = zerosOf(many);
      return (event) => byMariadb(event, many, zeros);
    },
  ],
])(
  'forty million rows in one event, %s: it answers, and ends when told to',
  { timeout: 180_000 },
  async (_, make) => {
    const server = await startServer();
    const folder = await makeRunFolder();
    const bomb = make();
    const { arm, changer } = bomber();
    const proxy = await Proxy.start(server, changer);
    let agent: AgentProcess | null = null;
    let bytes = 0;
    try {
      await server.query('CREATE DATABASE shop');
      await server.query('CREATE TABLE shop.beats (id INT PRIMARY KEY)');
      agent = await AgentProcess.start({
        folder,
        config: {
          ...{ stream: 'bomb', user: server.user, password: server.password, getServerPublicKey: true },
          servers: [proxy.address],
          filter: { include: ['shop.*'] },
          checkpoint: { store: 'file', path: join(folder, 'state') },
          http: { listen: '127.0.0.1:0' },
        },
        readStdout: (stdout) => stdout.on('data', (chunk: Buffer) => (bytes += chunk.length)),
      });
      await agent.waitForEvent('stream.started');
      const { address } = await agent.waitForEvent('http.listening');
      const ordinary = await answersWithin(String(address), 1500);
      arm(bomb);
      await server.query('INSERT INTO shop.beats VALUES (1)');
      const slowest = await answersWithin(String(address), 8000);
      await until('rows come', () => Promise.resolve(bytes > 50 * mib));
      const told = performance.now();
      const end = await agent.stop();
      const endMs = performance.now() - told;
      expect(end.code).toBe(0);
      expect(endMs).toBeLessThan(3000);
      expect(slowest - ordinary).toBeLessThan(latestMs);
      expect(agent.peakRssBytes).toBeLessThan(memoryBytes);
    } finally {
      await agent?.kill();
      await proxy.stop();
      await server.stop();
      await removeRunFolder(folder);
    }
  },
);
