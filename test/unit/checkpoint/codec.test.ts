import { crc32, deflateRawSync } from 'node:zlib';

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import type { Checkpoint } from '../../../src/checkpoint/checkpoint.js';
import { decodeCheckpoint, encodeCheckpoint, recordLimitBytes } from '../../../src/checkpoint/codec.js';
import { WaymarkError, type ErrorCode } from '../../../src/util/errors.js';
import { anyCheckpoint, checkpointOf, hintEntry, longTrail, transactionEntry } from './samples.js';

const location = '/var/lib/waymark/shop-audit.checkpoint';

function decode(bytes: Buffer, stream = 'shop-audit'): Checkpoint {
  return decodeCheckpoint(bytes, { stream, location });
}

/** The error of a decoding that must fail with the code. */
function refusal(bytes: Buffer, code: ErrorCode = 'checkpoint-damaged', stream = 'shop-audit'): WaymarkError {
  try {
    decode(bytes, stream);
  } catch (error) {
    expect(error).toBeInstanceOf(WaymarkError);
    if (error instanceof WaymarkError) {
      expect(error.code).toBe(code);
      expect(error.message).toContain(location);
      return error;
    }
  }
  throw new Error('the record was taken for a good one');
}

/** A record with a correct frame around any body, of the version that is written unless another is said. */
function framed(body: Buffer, version?: number): Buffer {
  const head = Buffer.from(encodeCheckpoint(checkpointOf()).bytes.subarray(0, 13));
  if (version !== undefined) head.writeUInt8(version, 4);
  head.writeUInt32LE(body.length, 5);
  head.writeUInt32LE(crc32(body, crc32(head.subarray(0, 9))), 9);
  return Buffer.concat([head, body]);
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80);
  return Buffer.from([...bytes, rest]);
}

const sample = encodeCheckpoint(
  checkpointOf(longTrail(40, 10), {
    gtidSet: '0-1-77',
    trail: {
      entries: longTrail(40, 10),
      partial: { second: 5, origin: 'c:9', changes: 3, contentBytes: 99, digest: 2n ** 64n - 1n },
    },
  }),
).bytes;

describe('a record', () => {
  it('gives back every checkpoint exactly', () => {
    fc.assert(
      fc.property(anyCheckpoint, (checkpoint) => {
        const { bytes, droppedEntries } = encodeCheckpoint(checkpoint);
        expect(droppedEntries).toBe(0);
        expect(decode(bytes, checkpoint.stream)).toEqual(checkpoint);
      }),
      { numRuns: 300 },
    );
  });

  it('is refused when it is cut off anywhere', () => {
    for (let length = 0; length < sample.length; length += 1) refusal(sample.subarray(0, length));
  });

  it('is refused when any bit of it is turned over', () => {
    for (let bit = 0; bit < sample.length * 8; bit += 1) {
      const bytes = Buffer.from(sample);
      bytes.writeUInt8(bytes.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
      refusal(bytes);
    }
  });

  it('is refused with anything behind it', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1 }), (more) => {
        expect(refusal(Buffer.concat([sample, more])).message).toContain('too many');
      }),
    );
  });

  it('is refused for any other change of its bytes', () => {
    const change = fc.record({
      at: fc.nat(sample.length - 1),
      bytes: fc.uint8Array({ minLength: 1, maxLength: 40 }),
    });
    fc.assert(
      fc.property(change, ({ at, bytes }) => {
        const changed = Buffer.from(sample);
        Buffer.from(bytes).copy(changed, at);
        fc.pre(!changed.equals(sample));
        refusal(changed);
      }),
    );
  });

  it('says what to do when it is damaged', () => {
    expect(refusal(Buffer.alloc(0)).message).toMatch(/is empty.*intact copy.*remove it/s);
    expect(refusal(Buffer.from('{"position": 4}')).message).toContain('is not a waymark checkpoint');
    expect(refusal(sample.subarray(0, -7)).message).toContain('is cut off');
  });

  it('of a later version asks for an upgrade', () => {
    const bytes = Buffer.from(sample);
    bytes.writeUInt8(7, 4);
    expect(refusal(bytes).message).toMatch(/version 7.*upgrade waymark/s);
  });

  it.each([1, 2])('of version %s says where it stood: its digests can’t be compared', (version) => {
    const checkpoint = checkpointOf(longTrail(40, 10));
    const body = encodeCheckpoint(checkpoint).bytes.subarray(13);
    const { message } = refusal(framed(body, version));
    expect(message).toContain(`format version ${version}`);
    expect(message).toMatch(
      /mysql-bin\.000018:32087423 of 127\.0\.0\.1:3402.*start: \{file: mysql-bin\.000018, position: 32087423\}/s,
    );
    expect(decode(framed(body))).toEqual(checkpoint);
  });

  it('of another stream is refused by both names', () => {
    const error = refusal(sample, 'checkpoint-foreign', 'billing');
    expect(error.message).toContain('"shop-audit"');
    expect(error.message).toContain('"billing"');
  });
});

describe('a hostile body under a correct checksum', () => {
  const header = JSON.stringify({
    stream: 'shop-audit',
    fencingToken: 0,
    server: { host: 'h', port: 1, serverId: 1, uuid: '' },
    coordinates: { file: 'f', position: 4 },
    sequence: 0,
    gtidSet: null,
    sink: null,
    savedAt: 0,
    partial: null,
    hints: [],
    files: [],
    gtidGroups: [],
    literals: [],
  });
  const bodyOf = (plain: Buffer, digests = Buffer.alloc(0)): Buffer => {
    const compressed = deflateRawSync(plain);
    return Buffer.concat([varint(compressed.length), compressed, digests]);
  };
  const plainOf = (json: string, columns: Buffer): Buffer =>
    Buffer.concat([varint(Buffer.byteLength(json)), Buffer.from(json), columns]);

  it('is read when nothing is wrong with it', () => {
    expect(decode(framed(bodyOf(plainOf(header, varint(0))))).sequence).toBe(0);
  });

  it('does not inflate without bound', () => {
    const bomb = bodyOf(Buffer.alloc(200 * 1024 * 1024));
    expect(bomb.length).toBeLessThan(recordLimitBytes);
    const before = process.memoryUsage().arrayBuffers;
    refusal(framed(bomb));
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(64 * 1024 * 1024);
  });

  it.each([
    ['more transactions than digests', varint(2 ** 52)],
    ['a number that never ends', Buffer.alloc(12, 0xff)],
    ['no columns', Buffer.alloc(0)],
    ['something behind the columns', Buffer.from([0, 0])],
  ])('is refused with %s', (_, columns) => {
    refusal(framed(bodyOf(plainOf(header, columns))));
  });

  it('is refused with digests that no run counts', () => {
    refusal(framed(bodyOf(plainOf(header, varint(0)), Buffer.alloc(8))));
    refusal(framed(bodyOf(plainOf(header, varint(1)), Buffer.alloc(7))));
  });

  it('is refused with a reference to nowhere', () => {
    // One transaction: run, second, origin tag (a literal; a GTID of the 5th group), number.
    for (const tag of [2, 7]) {
      const columns = Buffer.from([1, 0, tag, 0]);
      refusal(framed(bodyOf(plainOf(header, columns), Buffer.alloc(8))));
    }
  });

  it('is refused with a header of another shape', () => {
    for (const json of ['{', '[]', '{}', header.replace('"sequence":0', '"sequence":-1')]) {
      refusal(framed(bodyOf(plainOf(json, varint(0)))));
    }
  });

  it('is refused, or read, but never breaks anything', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (noise) => {
        refusal(framed(Buffer.from(noise)));
        refusal(framed(bodyOf(Buffer.from(noise))));
      }),
    );
  });
});

describe('a trail that does not fit', () => {
  it('loses its oldest entries, up to a hint', () => {
    const origins = [
      (): string => '',
      (n: number): string => `g:0-1-${String(n)}`,
      (n: number): string => `c:${String(1_795_291_200_000_000 + n * 137)}`,
    ];
    for (const origin of origins) {
      const entries = longTrail(200_000, 100, origin);
      const { bytes, droppedEntries } = encodeCheckpoint(checkpointOf(entries));
      expect(bytes.length).toBeLessThanOrEqual(recordLimitBytes);
      expect(bytes.length).toBeGreaterThan(recordLimitBytes * 0.9);
      const kept = decode(bytes).trail.entries;
      expect(kept[0]?.kind).toBe('hint');
      expect(kept).toEqual(entries.slice(droppedEntries));
    }
  });

  it('is dropped whole when even the newest interval does not fit', () => {
    const entries = [hintEntry(0), ...Array.from({ length: 40_000 }, (_, n) => transactionEntry(n))];
    const { bytes, droppedEntries } = encodeCheckpoint(checkpointOf(entries));
    expect(droppedEntries).toBe(40_001);
    expect(decode(bytes)).toEqual(checkpointOf());
  });

  it('keeps the most of it, within a tenth, for any limit and any spacing of hints', () => {
    const trail = fc.array(fc.integer({ min: 0, max: 60 }), { maxLength: 40 });
    fc.assert(
      fc.property(trail, fc.boolean(), fc.integer({ min: 400, max: 6_000 }), (intervals, whole, limit) => {
        let n = 0;
        const entries = intervals.flatMap((length, index) => [
          ...(whole || index > 0 ? [hintEntry(index)] : []),
          ...Array.from({ length }, () => transactionEntry(n++)),
        ]);
        const { bytes, droppedEntries } = encodeCheckpoint(checkpointOf(entries), limit);
        expect(bytes.length).toBeLessThanOrEqual(limit);
        const kept = decode(bytes).trail.entries;
        expect(kept).toEqual(entries.slice(droppedEntries));
        if (droppedEntries === 0) return;
        if (kept.length > 0) expect(kept[0]?.kind).toBe('hint');
        if (bytes.length >= limit * 0.9) return;
        const earlier = entries.findLastIndex(
          (entry, index) => entry.kind === 'hint' && index < droppedEntries,
        );
        if (earlier < 0) return;
        const more = encodeCheckpoint(checkpointOf(entries.slice(earlier)), Number.MAX_SAFE_INTEGER);
        expect(more.bytes.length).toBeGreaterThan(limit);
      }),
      { numRuns: 200 },
    );
  });

  it('is refused by name when there is no room even without a trail', () => {
    const gtidSet = Array.from({ length: 60_000 }, (_, n) =>
      String((n * 2_654_435_761) % 4_294_967_296),
    ).join(',');
    expect(() => encodeCheckpoint(checkpointOf([], { gtidSet }))).toThrow(
      expect.objectContaining({ code: 'checkpoint-store' }) as Error,
    );
    const sink = { text: 'x'.repeat(20 * 1024 * 1024) };
    expect(() => encodeCheckpoint(checkpointOf([], { sink }))).toThrow(
      expect.objectContaining({ code: 'checkpoint-store' }) as Error,
    );
  });

  it('is encoded fast enough to be written every second', () => {
    const times = [30_000, 200_000].map((count) => {
      const checkpoint = checkpointOf(longTrail(count));
      const runs = Array.from({ length: 7 }, () => {
        const start = performance.now();
        encodeCheckpoint(checkpoint);
        return performance.now() - start;
      });
      return Math.min(...runs);
    });
    // Measured on two cores: 20 ms and 50 ms.
    for (const time of times) expect(time).toBeLessThan(1_000);
  });
});

describe('what no record can hold', () => {
  it.each([
    ['a negative count', checkpointOf([], { sequence: -1 })],
    ['a fraction', checkpointOf([], { fencingToken: 0.5 })],
    ['a time that is none', checkpointOf([], { savedAt: Number.NaN })],
    ['an infinite number of the sink', checkpointOf([], { sink: { offset: Infinity } })],
    [
      'a digest of 65 bits',
      checkpointOf([{ kind: 'transaction', identity: { digest: 2n ** 64n, second: 0, origin: '' } }]),
    ],
    [
      'a second before 1970',
      checkpointOf([{ kind: 'transaction', identity: { digest: 0n, second: -1, origin: '' } }]),
    ],
    [
      'a hint at a fraction of a byte',
      checkpointOf([
        { kind: 'hint', hint: { token: 'x', ascending: false }, coordinates: { file: 'f', position: 0.5 } },
      ]),
    ],
  ])('is refused before anything is written: %s', (_, checkpoint) => {
    expect(() => encodeCheckpoint(checkpoint)).toThrow(RangeError);
  });
});
