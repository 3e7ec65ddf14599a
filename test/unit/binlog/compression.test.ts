import { deflateSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  decompressRowEventPayload,
  readLengthEncodedInteger,
  unpackTransactionPayload,
} from '../../../src/binlog/compression.js';
import { lengthEncoded, packedByMariadb, uint } from './event-bytes.js';
import { plainZstd, repeatedZstd } from './zstd-frames.js';

/** The most that a block of zstd holds. */
const blockBytes = 128 * 1024;

const protocolError: unknown = expect.objectContaining({ code: 'protocol' });

describe("MariaDB's envelope", () => {
  test('gives back what was packed', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 1, maxLength: 255 }),
        fc.constantFrom(1, 2, 3, 4),
        (bytes, count) => {
          const payload = Buffer.from(bytes);
          expect(decompressRowEventPayload(packedByMariadb(payload, count))).toEqual(payload);
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
    const whole = packedByMariadb(Buffer.from('some rows, some rows, some rows'), 2);
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

async function unpacked(body: Buffer): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of unpackTransactionPayload(body, 0, body.length)) pieces.push(piece);
  return Buffer.concat(pieces);
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
  test('zstd as the program of that name makes it', async () => {
    expect((await unpacked(transactionPayload(realZstd, 0, realText.length))).toString()).toBe(realText);
  });

  test('any content, in any number of blocks', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.uint8Array({ minLength: 1, maxLength: 300 }), { minLength: 1, maxLength: 10 }),
        async (blocks) => {
          const buffers = blocks.map((bytes) => Buffer.from(bytes));
          const whole = Buffer.concat(buffers);
          expect(await unpacked(transactionPayload(plainZstd(buffers), 0, whole.length))).toEqual(whole);
        },
      ),
    );
  });

  test('not compressed at all (255)', async () => {
    expect((await unpacked(transactionPayload(Buffer.from('plain'), 255, 5))).toString()).toBe('plain');
  });

  test('fields that are not known are passed over', async () => {
    const unknown = Buffer.concat([lengthEncoded(77), lengthEncoded(3), Buffer.from('abc')]);
    const body = Buffer.concat([unknown, transactionPayload(Buffer.from('plain'), 255, 5)]);
    expect((await unpacked(body)).toString()).toBe('plain');
  });

  test('another method of compression is refused by its number', async () => {
    await expect(unpacked(transactionPayload(Buffer.from('?'), 7, 1))).rejects.toThrow(
      expect.objectContaining({ code: 'unsupported-event', message: expect.stringContaining('7') as string }),
    );
  });

  test('cut short at any place it is refused', async () => {
    const whole = transactionPayload(realZstd, 0, realText.length);
    for (let bytes = 0; bytes < whole.length; bytes += 1) {
      await expect(unpacked(whole.subarray(0, bytes)), `${bytes} bytes`).rejects.toThrow(protocolError);
    }
  });

  test('one bit flipped: an error of ours, or other content; never another error', async () => {
    const whole = transactionPayload(realZstd, 0, realText.length);
    for (let bit = 0; bit < whole.length * 8; bit += 5) {
      const flipped = Buffer.from(whole);
      flipped.writeUInt8(flipped.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
      try {
        await unpacked(flipped);
      } catch (error) {
        expect(error, `bit ${bit}`).toMatchObject({ name: 'WaymarkError' });
      }
    }
  });

  test('a field that goes beyond the end is refused', async () => {
    const body = Buffer.concat([lengthEncoded(2), lengthEncoded(1000), Buffer.alloc(10)]);
    await expect(unpacked(body)).rejects.toThrow(protocolError);
  });

  test('more or less than it says is refused', async () => {
    const text = Buffer.from(realText);
    for (const data of [realZstd, text]) {
      const compression = data === text ? 255 : 0;
      for (const bytes of [text.length + 1, text.length - 1]) {
        await expect(unpacked(transactionPayload(data, compression, bytes))).rejects.toThrow(protocolError);
      }
    }
  });

  test('of more than it says no more is handed out', async () => {
    const said = blockBytes * 5;
    const bomb = transactionPayload(repeatedZstd(0x41, 9000), 0, said);
    let bytes = 0;
    const taken = async (): Promise<void> => {
      for await (const piece of unpackTransactionPayload(bomb, 0, bomb.length)) bytes += piece.length;
    };
    await expect(taken()).rejects.toThrow(protocolError);
    expect(bytes).toBe(said);
  });

  test('a gigabyte in a few bytes comes in pieces, each made when it is asked for', async () => {
    const blocks = 8192;
    const bomb = transactionPayload(repeatedZstd(0x41, blocks), 0, blocks * blockBytes);
    expect(bomb.length).toBeLessThan(50_000);
    const before = process.memoryUsage();
    let [bytes, largestBytes, grownBytes] = [0, 0, 0];
    for await (const piece of unpackTransactionPayload(bomb, 0, bomb.length)) {
      bytes += piece.length;
      largestBytes = Math.max(largestBytes, piece.length);
      grownBytes = Math.max(grownBytes, process.memoryUsage().rss - before.rss);
    }
    expect(bytes).toBe(blocks * blockBytes);
    expect(largestBytes).toBeLessThanOrEqual(blockBytes);
    expect(grownBytes).toBeLessThan(300e6);
  });

  test('not compressed, it comes in pieces, too', async () => {
    const body = transactionPayload(Buffer.alloc(1_000_000, 'abc'), 255, 1_000_000);
    for await (const { length } of unpackTransactionPayload(body, 0, body.length)) {
      expect(length).toBeLessThanOrEqual(blockBytes);
    }
    expect((await unpacked(body)).equals(Buffer.alloc(1_000_000, 'abc'))).toBe(true);
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
