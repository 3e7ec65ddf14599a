import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { PacketFramer } from '../../src/dump/packet-framer.js';
import { decompressRowEventPayload, unpackTransactionPayload } from '../../src/binlog/compression.js';
import { portableZstdPieces } from '../../src/binlog/zstd.js';
import { decompressColumn } from '../../src/decode/compressed-column.js';
import { Malformed } from '../../src/decode/malformed.js';
import { Secret } from '../../src/config/secret.js';
import { askServer } from '../../src/mysql/ask.js';
import { connect } from '../../src/mysql/connection.js';
import { hasSystemCode, WaymarkError } from '../../src/util/errors.js';
import { JuteError } from '../../src/zookeeper/jute.js';
import { readServerPacket, readValue, readConnectResponse } from '../../src/zookeeper/packets.js';
import { FakeServer } from '../support/fake-server.js';

/** What a server says elsewhere than in its log: each kind is read as the agent reads it, and kept by its name. */
export const answerKinds = ['zookeeper', 'packets', 'unpacking', 'login', 'results'] as const;

export type AnswerKind = (typeof answerKinds)[number];

/** What is kept of a kind: what servers have sent, and what has shown a defect; one line of base64 each. */
export function keptAnswers(kind: AnswerKind): Buffer[] {
  return readFileSync(fileURLToPath(new URL(`answers/${kind}.txt`, import.meta.url)), 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => Buffer.from(line, 'base64'));
}

/** Whoever takes longer hangs. */
const longestMs = 5_000;
/** How long a question may wait for its answer. */
const answerMs = 500;
/** zlib makes a thousand bytes of one; beyond that something grows by itself. */
const largestFactor = 1100;
const slackBytes = 1024 * 1024;

/** Reads bytes as answers of a kind. @throws whatever is no named error of ours: a defect. */
export async function readAnswer(kind: AnswerKind, data: Buffer): Promise<void> {
  const began = performance.now();
  try {
    await readers[kind](data);
  } catch (error) {
    if (!isNamed(error)) throw error;
  }
  const tookMs = performance.now() - began;
  if (tookMs > longestMs) throw new Error(`it took ${Math.round(tookMs)} ms`);
}

function isNamed(error: unknown): boolean {
  if (error instanceof WaymarkError) return error.code !== 'config';
  // Their readers make `protocol`, `unsupported-event` or a lost connection of these.
  if (error instanceof Malformed || error instanceof JuteError) return true;
  return error instanceof RangeError && hasSystemCode(error, 'ERR_OUT_OF_RANGE', 'ERR_BUFFER_OUT_OF_BOUNDS');
}

const readers: Readonly<Record<AnswerKind, (data: Buffer) => void | Promise<void>>> = {
  zookeeper: readZooKeeper,
  packets: readPackets,
  unpacking: unpack,
  login: (data) => logIn(data),
  results: readResults,
};

const calls = ['sync', 'delete', 'exists', 'set', 'get', 'children', 'create'] as const;

/** The first byte chooses what the packet answers. */
function readZooKeeper(data: Buffer): void {
  const [choice = 0] = data;
  const packet = data.subarray(1);
  if (choice === calls.length) {
    readConnectResponse(packet);
    return;
  }
  const found = readServerPacket(packet);
  const kind = calls[choice % calls.length];
  if (found.type === 'reply' && kind !== undefined)
    bounded(JSON.stringify(readValue(kind, found.body)), data);
}

/** The first byte says how long the chunks are that the packets come in; they are the same in any. */
function readPackets(data: Buffer): void {
  const [size = 1] = data;
  const rest = data.subarray(1);
  const inChunks = payloadsOf(rest, Math.max(1, size));
  const whole = payloadsOf(rest, rest.length + 1);
  if (inChunks !== whole) throw new Error(`it depends on the chunks:\n${whole}\n--\n${inChunks}`);
}

function payloadsOf(data: Buffer, size: number): string {
  const framer = new PacketFramer();
  const payloads: string[] = [];
  for (let at = 0; at < data.length; at += size) {
    framer.push(data.subarray(at, at + size), (buffer, start, end) =>
      payloads.push(buffer.toString('hex', start, end)),
    );
  }
  return payloads.join(' ');
}

/** The first byte chooses what was packed. */
async function unpack(data: Buffer): Promise<void> {
  const [choice = 0] = data;
  const packed = data.subarray(1);
  switch (choice % 4) {
    case 0:
      bounded(decompressRowEventPayload(packed), data);
      return;
    case 1:
      bounded(decompressColumn(packed), data);
      return;
    case 2:
      takeSome(portableZstdPieces(packed));
      return;
    default: {
      let bytes = 0;
      for await (const piece of unpackTransactionPayload(packed, 0, packed.length)) {
        bytes += piece.length;
        if (bytes > slackBytes) return;
      }
    }
  }
}

/** A few bytes may well unpack to gigabytes: nobody has to take them. */
function takeSome(pieces: Iterable<Buffer>): void {
  let bytes = 0;
  for (const piece of pieces) {
    bytes += piece.length;
    if (bytes > slackBytes) return;
  }
}

function bounded(made: { readonly length: number }, data: Buffer): void {
  if (made.length > data.length * largestFactor + slackBytes)
    throw new Error(`${made.length} bytes of ${data.length}`);
}

/** What a server sends from its greeting on; then it goes. */
async function logIn(data: Buffer, question?: string): Promise<void> {
  const server = await FakeServer.start(async (peer) => {
    if (question !== undefined) {
      await peer.login();
      await peer.read();
    }
    peer.socket.end(data);
    // What the client still says is taken.
    for (;;) await peer.read();
  });
  const account = { user: 'u', password: new Secret('p'), getServerPublicKey: true };
  const instance = { address: server.address, account };
  try {
    if (question === undefined) (await connect(instance, { connectTimeoutMs: longestMs })).discard();
    else {
      // mysql2 leaves some questions pending whose connection has ended: like all that the agent asks, it has a limit.
      const limits = { purpose: 'answer', signal: new AbortController().signal, limitMs: answerMs };
      await askServer(instance, limits, (connection) => connection.query(question));
    }
  } finally {
    await server.stop();
  }
}

/** What a server answers a question with. */
function readResults(data: Buffer): Promise<void> {
  return logIn(data, 'SELECT 1');
}
