import { deflateSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  decompressRowEventPayload,
  readLengthEncodedInteger,
  unpackTransactionPayload,
} from '../../../src/binlog/compression.js';
import { lengthEncoded, uint } from './event-bytes.js';
import { plainZstd, repeatedZstd } from './zstd-frames.js';

/** The most that a block of zstd holds. */
const blockBytes = 128 * 1024;

const protocolError: unknown = expect.objectContaining({ code: 'protocol' });

/** What MariaDB makes of a payload (sql/log_event.cc, binlog_buf_compress). */
function packed(payload: Buffer, lengthBytes: 1 | 2 | 3 | 4): Buffer {
  const length = Buffer.alloc(lengthBytes);
  length.writeUIntBE(payload.length, 0, lengthBytes);
  return Buffer.concat([Buffer.of(0x80 | lengthBytes), length, deflateSync(payload)]);
}

describe("MariaDB's envelope", () => {
  test('gives back what was packed', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 1, maxLength: 255 }),
        fc.constantFrom(1, 2, 3, 4),
        (bytes, count) => {
          const payload = Buffer.from(bytes);
          expect(decompressRowEventPayload(packed(payload, count))).toEqual(payload);
        },
      ),
    );
  });

  test('anything else is refused, and never with another error', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        expect(() => decompressRowEventPayload(Buffer.from(bytes))).toThrow(protocolError);
      }),
    );
  });

  test('cut short at any place it is refused', () => {
    const whole = packed(Buffer.from('some rows, some rows, some rows'), 2);
    for (let bytes = 0; bytes < whole.length; bytes += 1) {
      expect(() => decompressRowEventPayload(whole.subarray(0, bytes))).toThrow(protocolError);
    }
  });

  test('it unpacks to no more than it says', () => {
    const bomb = Buffer.concat([Buffer.of(0x81, 100), deflateSync(Buffer.alloc(10_000_000))]);
    expect(() => decompressRowEventPayload(bomb)).toThrow(protocolError);
  });

  test('a claim of 4 GB is not believed', () => {
    const claim = Buffer.concat([Buffer.of(0x84, 0xff, 0xff, 0xff, 0xff), deflateSync(Buffer.alloc(10))]);
    expect(() => decompressRowEventPayload(claim)).toThrow(protocolError);
  });

  test('less than it says is refused', () => {
    const short = Buffer.concat([Buffer.of(0x81, 100), deflateSync(Buffer.alloc(10))]);
    expect(() => decompressRowEventPayload(short)).toThrow(protocolError);
  });
});

/** The body of a TRANSACTION_PAYLOAD_EVENT. */
function transactionPayload(data: Buffer, compression: number, unpackedBytes: number): Buffer {
  const field = (type: number, value: Buffer): Buffer =>
    Buffer.concat([lengthEncoded(type), lengthEncoded(value.length), value]);
  return Buffer.concat([
    field(2, lengthEncoded(compression)),
    field(3, lengthEncoded(unpackedBytes)),
    field(1, lengthEncoded(data.length)),
    lengthEncoded(0),
    data,
  ]);
}

function unpacked(body: Buffer): Buffer {
  return Buffer.concat([...unpackTransactionPayload(body, 0, body.length)]);
}

/** `for i in $(seq 300); do printf "row %04d;" $i; done | zstd -19 --no-check | base64 -w0` */
const realZstd = Buffer.from(
  'KLUv/QBojQcAlpUsENAVOmU9IDaVUkqZUqIuxAkoACcAJgDlpmgk7nJSNBJ3uSgaibvci0biLueikbjLtWgk7nIsGom7gdsAg4AgUTQSd7kXjcRdzkUjcZdr0Ujc5Vg0Ene5cUUjcZeropG4y1HRSNwBI3GXa9FI3OVYNBJ3uXVFI3GXq6KRuMtR0Ujc5aZoJO5yUjQSd7lh84pG4i5XRSNxl6OikbjLTdFI3OWkaCTuclE0Ene5F43EXc5FAYErqBGQX9gM4a8BESQEHD9ITT311KaeeuqpTT2nAmrqUk899dSjnnrqORWgpp566qlNPfXUU3tQxLWqAg==',
  'base64',
);
const realText = Array.from({ length: 300 }, (_, index) => `row ${String(index + 1).padStart(4, '0')};`).join(
  '',
);

describe("MySQL's compressed transactions", () => {
  test('zstd as the program of that name makes it', () => {
    expect(unpacked(transactionPayload(realZstd, 0, realText.length)).toString()).toBe(realText);
  });

  test('any content, in any number of blocks', () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ minLength: 1, maxLength: 300 }), { minLength: 1, maxLength: 10 }),
        (blocks) => {
          const buffers = blocks.map((bytes) => Buffer.from(bytes));
          const whole = Buffer.concat(buffers);
          expect(unpacked(transactionPayload(plainZstd(buffers), 0, whole.length))).toEqual(whole);
        },
      ),
    );
  });

  test('not compressed at all (255)', () => {
    expect(unpacked(transactionPayload(Buffer.from('plain'), 255, 5)).toString()).toBe('plain');
  });

  test('fields that are not known are passed over', () => {
    const unknown = Buffer.concat([lengthEncoded(77), lengthEncoded(3), Buffer.from('abc')]);
    const body = Buffer.concat([unknown, transactionPayload(Buffer.from('plain'), 255, 5)]);
    expect(unpacked(body).toString()).toBe('plain');
  });

  test('another method of compression is refused by its number', () => {
    expect(() => unpacked(transactionPayload(Buffer.from('?'), 7, 1))).toThrow(
      expect.objectContaining({ code: 'unsupported-event', message: expect.stringContaining('7') as string }),
    );
  });

  test('cut short at any place it is refused', () => {
    const whole = transactionPayload(realZstd, 0, realText.length);
    for (let bytes = 0; bytes < whole.length; bytes += 1) {
      expect(() => unpacked(whole.subarray(0, bytes)), `${bytes} bytes`).toThrow(protocolError);
    }
  });

  test('one bit flipped: an error of ours, or other content; never another error', () => {
    const whole = transactionPayload(realZstd, 0, realText.length);
    for (let bit = 0; bit < whole.length * 8; bit += 5) {
      const flipped = Buffer.from(whole);
      flipped.writeUInt8(flipped.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
      try {
        unpacked(flipped);
      } catch (error) {
        expect(error, `bit ${bit}`).toMatchObject({ name: 'WaymarkError' });
      }
    }
  });

  test('a field that goes beyond the end is refused', () => {
    const body = Buffer.concat([lengthEncoded(2), lengthEncoded(1000), Buffer.alloc(10)]);
    expect(() => unpacked(body)).toThrow(protocolError);
  });

  test('more or less than it says is refused, and no more of it is unpacked', () => {
    const text = Buffer.from(realText);
    for (const data of [realZstd, text]) {
      const compression = data === text ? 255 : 0;
      expect(() => unpacked(transactionPayload(data, compression, text.length + 1))).toThrow(protocolError);
      expect(() => unpacked(transactionPayload(data, compression, text.length - 1))).toThrow(protocolError);
    }
    const bomb = transactionPayload(repeatedZstd(0x41, 9000), 0, blockBytes * 3);
    let bytes = 0;
    expect(() => {
      for (const piece of unpackTransactionPayload(bomb, 0, bomb.length)) bytes += piece.length;
    }).toThrow(protocolError);
    expect(bytes).toBe(blockBytes * 3);
  });

  test('a gigabyte in a few bytes comes in pieces, each made when it is asked for', () => {
    const blocks = 8192;
    const bomb = transactionPayload(repeatedZstd(0x41, blocks), 0, blocks * blockBytes);
    expect(bomb.length).toBeLessThan(50_000);
    const before = process.memoryUsage();
    let bytes = 0;
    let largestBytes = 0;
    let grownBytes = 0;
    for (const piece of unpackTransactionPayload(bomb, 0, bomb.length)) {
      bytes += piece.length;
      largestBytes = Math.max(largestBytes, piece.length);
      const { rss } = process.memoryUsage();
      grownBytes = Math.max(grownBytes, rss - before.rss);
    }
    expect(bytes).toBe(blocks * blockBytes);
    expect(largestBytes).toBeLessThanOrEqual(blockBytes);
    expect(grownBytes).toBeLessThan(300e6);
  });

  test('not compressed, it comes in pieces, too', () => {
    const body = transactionPayload(Buffer.alloc(1_000_000, 'abc'), 255, 1_000_000);
    const sizes = Array.from(unpackTransactionPayload(body, 0, body.length), ({ length }) => length);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(blockBytes);
    expect(unpacked(body)).toEqual(Buffer.alloc(1_000_000, 'abc'));
  });
});

describe('zstd', () => {
  const body = (frames: readonly Buffer[], bytes: number): Buffer =>
    transactionPayload(Buffer.concat(frames), 0, bytes);

  test('several frames, with what may be skipped between them', () => {
    const skippable = Buffer.concat([uint(0x184d2a57, 4), uint(5, 4), Buffer.from('12345')]);
    const frames = [plainZstd([Buffer.from('one')]), skippable, realZstd, skippable];
    expect(unpacked(body(frames, 3 + realText.length)).toString()).toBe(`one${realText}`);
  });

  test('many empty and tiny blocks', () => {
    const blocks = Array.from({ length: 20_000 }, (_, index) => Buffer.alloc(index % 3, 'x'));
    const whole = Buffer.concat(blocks);
    expect(unpacked(body([plainZstd(blocks)], whole.length)).equals(whole)).toBe(true);
  });

  test.each([
    ['a window', Buffer.of(0x00, (18 << 3) | 0)],
    ['a single segment', Buffer.concat([Buffer.of(0xe0), uint(2 ** 30, 8)])],
  ])('%s larger than any server uses is refused', (_name, header) => {
    const frame = Buffer.concat([Buffer.of(0x28, 0xb5, 0x2f, 0xfd), header, Buffer.of(1, 0, 0)]);
    expect(() => unpacked(body([frame], 0))).toThrow(
      expect.objectContaining({ code: 'protocol', message: expect.stringContaining('window') as string }),
    );
  });

  test('any bytes: an error of ours, never another', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        const frame = Buffer.concat([plainZstd([Buffer.from('x')]), Buffer.from(bytes)]);
        try {
          unpacked(body([frame], 1));
        } catch (error) {
          expect(error).toMatchObject({ name: 'WaymarkError' });
        }
      }),
    );
  });
});

test('length-encoded integers', () => {
  fc.assert(
    fc.property(fc.oneof(fc.nat(300), fc.nat(70_000), fc.nat(), fc.maxSafeNat()), (value) => {
      const bytes = Buffer.concat([uint(9, 3), lengthEncoded(value), uint(9, 3)]);
      expect(readLengthEncodedInteger(bytes, 3)).toEqual([value, bytes.length - 3]);
    }),
  );
});
