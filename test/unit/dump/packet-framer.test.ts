import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { PacketFramer } from '../../../src/dump/packet-framer.js';

const fullPacketBytes = 0xffffff;

/** A payload as the packets that carry it. */
function packets(payload: Buffer): Buffer {
  const parts: Buffer[] = [];
  let offset = 0;
  for (let sequence = 0; ; sequence += 1) {
    const length = Math.min(fullPacketBytes, payload.length - offset);
    const header = Buffer.alloc(4);
    header.writeUIntLE(length, 0, 3);
    header.writeUInt8(sequence & 0xff, 3);
    parts.push(header, payload.subarray(offset, offset + length));
    offset += length;
    if (length < fullPacketBytes) return Buffer.concat(parts);
  }
}

/** What a framer makes of a stream that comes in these chunks. Copies: buffers are valid in the visit alone. */
function framed(chunks: Iterable<Buffer>): Buffer[] {
  const framer = new PacketFramer();
  const payloads: Buffer[] = [];
  for (const chunk of chunks) {
    framer.push(chunk, (buffer, start, end) => {
      payloads.push(Buffer.from(buffer.subarray(start, end)));
    });
  }
  return payloads;
}

function* split(stream: Buffer, sizes: readonly number[]): Generator<Buffer> {
  let offset = 0;
  for (const size of sizes) {
    yield stream.subarray(offset, offset + size);
    offset += size;
  }
  if (offset < stream.length) yield stream.subarray(offset);
}

const payloads = fc.array(
  fc.uint8Array({ minLength: 1, maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
  {
    maxLength: 20,
  },
);

test('however the stream is cut into chunks, the payloads are the same', () => {
  fc.assert(
    fc.property(payloads, fc.array(fc.integer({ min: 0, max: 50 }), { maxLength: 200 }), (sent, sizes) => {
      const stream = Buffer.concat(sent.map(packets));
      expect(framed(split(stream, sizes))).toEqual(sent);
    }),
  );
});

test('one byte at a time', () => {
  const sent = [Buffer.from('a'), Buffer.from('bc'), Buffer.alloc(0), Buffer.from('def')];
  const stream = Buffer.concat(sent.map(packets));
  expect(framed([...stream].map((byte) => Buffer.of(byte)))).toEqual(sent);
});

test('what lies whole in a chunk is not copied', () => {
  const chunk = packets(Buffer.from('payload'));
  let seen: Buffer | null = null;
  new PacketFramer().push(chunk, (buffer) => {
    seen = buffer;
  });
  expect(seen).toBe(chunk);
});

describe('payloads that go on in the next packet', () => {
  // The first and the last bytes of every packet differ, so that a misplaced one shows.
  const payload = (bytes: number): Buffer => {
    const buffer = Buffer.alloc(bytes);
    for (let at = 0; at < bytes; at += 65_521) buffer.writeUInt8((at / 65_521) & 0xff, at);
    buffer.writeUInt8(0x5a, bytes - 1);
    return buffer;
  };

  test.each([
    ['one byte less than a full packet', fullPacketBytes - 1],
    ['exactly a full packet', fullPacketBytes],
    ['one byte more', fullPacketBytes + 1],
    ['two full packets', 2 * fullPacketBytes],
    ['40 MB', 40_000_000],
  ])('%s', (_name, bytes) => {
    const sent = [Buffer.from('before'), payload(bytes), Buffer.from('behind')];
    const stream = Buffer.concat(sent.map(packets));
    const sizes = Array.from({ length: Math.ceil(stream.length / 1_048_573) }, () => 1_048_573);
    for (const received of [framed([stream]), framed(split(stream, sizes))]) {
      expect(received.length).toBe(3);
      expect(received.every((bytesOf, index) => sent[index]?.equals(bytesOf))).toBe(true);
    }
  });

  test('without end it is refused, before memory is gone', () => {
    const framer = new PacketFramer();
    const full = Buffer.alloc(4 + fullPacketBytes);
    full.writeUIntLE(fullPacketBytes, 0, 3);
    const push = (): void => {
      for (let count = 0; count < 80; count += 1) framer.push(full, () => undefined);
    };
    expect(push).toThrow(expect.objectContaining({ code: 'protocol' }));
  });
});
