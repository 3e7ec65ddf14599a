import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { nativePieces, nativeZstd } from '../../../src/binlog/native-zstd.js';
import { portableZstdPieces, zstdPieces } from '../../../src/binlog/zstd.js';
import { uint } from './event-bytes.js';
import { plainZstd, repeatedZstd, zstdCompress } from './zstd-frames.js';

async function taken(pieces: Iterable<Buffer> | AsyncIterable<Buffer>): Promise<Buffer> {
  const all: Buffer[] = [];
  for await (const piece of pieces) all.push(piece);
  return Buffer.concat(all);
}

const portable = (frames: readonly Buffer[]): Promise<Buffer> =>
  taken(portableZstdPieces(Buffer.concat(frames)));
const protocolError: unknown = expect.objectContaining({ code: 'protocol' });
const skippable = Buffer.concat([uint(0x184d2a57, 4), uint(5, 4), Buffer.from('12345')]);

describe('in this thread', () => {
  test('several frames, with what may be skipped between them', async () => {
    const frames = [plainZstd([Buffer.from('one')]), skippable, plainZstd([Buffer.from('two')]), skippable];
    expect((await portable(frames)).toString()).toBe('onetwo');
  });

  test('many empty and tiny blocks', async () => {
    const blocks = Array.from({ length: 20_000 }, (_, index) => Buffer.alloc(index % 3, 'x'));
    expect((await portable([plainZstd(blocks)])).equals(Buffer.concat(blocks))).toBe(true);
  });

  test('blocks that hold a repeated byte come one by one', () => {
    const sizes = Array.from(portableZstdPieces(repeatedZstd(0x41, 100)), ({ length }) => length);
    expect(sizes).toEqual(Array.from({ length: 100 }, () => 128 * 1024));
  });

  test.each([
    ['a window', Buffer.of(0x00, (18 << 3) | 0)],
    ['a single segment', Buffer.concat([Buffer.of(0xe0), uint(2 ** 30, 8)])],
  ])('%s larger than any server uses is refused', async (_name, header) => {
    const frame = Buffer.concat([Buffer.of(0x28, 0xb5, 0x2f, 0xfd), header, Buffer.of(1, 0, 0)]);
    await expect(portable([frame])).rejects.toThrow(
      expect.objectContaining({ code: 'protocol', message: expect.stringContaining('window') as string }),
    );
  });

  test.each([
    ['nothing', Buffer.alloc(0)],
    ['something else', Buffer.from('no zstd at all, but long enough')],
    [
      'a frame with something behind it',
      Buffer.concat([plainZstd([Buffer.from('x')]), Buffer.from('yyyyyyy')]),
    ],
  ])('%s is refused', async (_name, bytes) => {
    await expect(portable([bytes])).rejects.toThrow(protocolError);
  });

  test('any bytes: an error of ours, never another', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 60 }), async (bytes) => {
        try {
          await portable([plainZstd([Buffer.from('x')]), Buffer.from(bytes)]);
        } catch (error) {
          expect(error).toMatchObject({ name: 'WaymarkError' });
        }
      }),
    );
  });
});

/** Content that a compressor works on: words again and again, between noise. */
const content = fc
  .array(
    fc.oneof(
      fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
      fc
        .tuple(fc.constantFrom('insert into orders ', 'a', '0123456789'), fc.nat(20_000))
        .map(([word, count]) => Buffer.from(word.repeat(count))),
    ),
    { maxLength: 8 },
  )
  .map((parts) => Buffer.concat(parts));

// Node 22.15 and later.
describe.skipIf(nativeZstd === null)('in another thread', () => {
  test('it gives the same as in this one, whatever the level', async () => {
    await fc.assert(
      fc.asyncProperty(content, fc.constantFrom(1, 3, 9, 19, 22), async (bytes, level) => {
        const packed = zstdCompress(bytes, level);
        expect((await portable([packed])).equals(bytes)).toBe(true);
        expect((await taken(nativePieces(nativeZstd!, packed, 1000))).equals(bytes)).toBe(true);
        expect((await taken(zstdPieces(packed, bytes.length))).equals(bytes)).toBe(true);
      }),
      { numRuns: 60 },
    );
  });

  test('several frames, with what may be skipped between them', async () => {
    const packed = Buffer.concat([
      plainZstd([Buffer.from('one')]),
      skippable,
      plainZstd([Buffer.from('two')]),
    ]);
    for (const bytes of [6, 10_000_000]) {
      expect((await taken(zstdPieces(packed, bytes))).toString()).toBe('onetwo');
    }
  });

  test('cut short it is refused, small or large', async () => {
    const packed = zstdCompress(Buffer.alloc(1000, 'abc'), 3);
    for (const bytes of [1000, 10_000_000]) {
      for (let length = 0; length < packed.length; length += 1) {
        await expect(
          taken(
            (async function* () {
              yield* zstdPieces(packed.subarray(0, length), bytes);
            })(),
          ),
        ).rejects.toThrow(protocolError);
      }
    }
  });

  test('who takes no more ends it', async () => {
    const packed = repeatedZstd(0x41, 8000);
    let pieces = 0;
    for await (const piece of zstdPieces(packed, 1e9)) {
      expect(piece.length).toBeLessThanOrEqual(128 * 1024);
      pieces += 1;
      if (pieces === 3) break;
    }
    expect(pieces).toBe(3);
  });
});
