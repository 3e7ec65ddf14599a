import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { mayBeRolledBack, readMariadbGtid, readMysqlGtid } from '../../../src/binlog/gtid-event.js';
import { event, uint } from './event-bytes.js';

const uuid = '3e11fa47-71ca-11e1-9e33-c80aa9429562';
const uuidBytes = Buffer.from(uuid.replaceAll('-', ''), 'hex');

describe('MariaDB', () => {
  const gtid = (flags: number, sequence = 7n): Buffer =>
    event(
      { type: 162, serverId: 3 },
      Buffer.concat([uint(sequence, 8), uint(2, 4), uint(flags, 1), Buffer.alloc(6)]),
    );

  const read = (bytes: Buffer): ReturnType<typeof readMariadbGtid> => readMariadbGtid(bytes, 0, bytes.length);

  test('domain, server from the header, sequence', () => {
    expect(read(gtid(0))).toEqual({
      gtid: '2-3-7',
      origin: 'g:2-3-7',
      connection: null,
      standalone: false,
      opens: true,
      voidAlter: false,
    });
  });

  test('a statement alone opens nothing', () => {
    expect(read(gtid(1))).toMatchObject({ standalone: true, opens: false });
  });

  test('sequences have 64 bits', () => {
    for (const sequence of [
      2n ** 32n - 1n,
      2n ** 32n,
      2n ** 53n - 1n,
      2n ** 53n,
      2n ** 53n + 1n,
      2n ** 64n - 1n,
    ]) {
      expect(read(gtid(0, sequence)).gtid).toBe(`2-3-${sequence}`);
    }
  });

  test('of domains and servers in turn', () => {
    const of = (domain: number, serverId: number): string | null => {
      const body = Buffer.concat([uint(7, 8), uint(domain, 4), Buffer.alloc(7)]);
      return read(event({ type: 162, serverId }, body)).gtid;
    };
    const places = [
      [0, 0],
      [0, 1],
      [5, 1],
      [5, 4_294_967_295],
      [4_294_967_295, 1],
      [0, 1],
    ] as const;
    expect(places.map(([domain, serverId]) => of(domain, serverId))).toEqual(
      places.map(([domain, serverId]) => `${domain}-${serverId}-7`),
    );
  });

  test('the session on the source, from 11.5 on, behind whatever else there is', () => {
    const session = (rest: string) => {
      const bytes = event({ type: 162 }, Buffer.concat([Buffer.alloc(12), Buffer.from(rest, 'hex')]));
      return read(bytes).connection;
    };
    const thread = '04030201';
    const id = 0x01020304;
    expect(session(`2810${thread}`)).toBe(id);
    expect(session(`281101${thread}`)).toBe(id);
    expect(session(`29146900000000000000${thread}`)).toBe(id);
    expect(session(`29186900000000000000${thread}`)).toBe(id);
    expect(session(`2912${thread}`)).toBe(id);
    expect(session(`2915026900000000000000${thread}`)).toBe(id);
    expect(session(`2a010203040506070810${thread}`)).toBe(id);
    // The XID's format, the lengths of its parts, the parts.
    expect(session(`c807000000010261787910${thread}`)).toBe(id);
    expect(session(`4807000000020161627810${thread}`)).toBe(id);
    // Cut off, and without the flag for it.
    expect(session('2810040302')).toBeNull();
    expect(session(`2801${thread}`)).toBeNull();
  });

  test('one that is cut off is refused', () => {
    const short = event({ type: 162 }, Buffer.alloc(12));
    expect(() => read(short)).toThrow(expect.objectContaining({ code: 'protocol' }));
    const withoutXid = event(
      { type: 162 },
      Buffer.concat([Buffer.alloc(12), Buffer.from('8d0700000001', 'hex')]),
    );
    expect(() => read(withoutXid)).toThrow(expect.objectContaining({ code: 'protocol' }));
    expect(read(event({ type: 162 }, Buffer.alloc(13)))).toMatchObject({ gtid: '0-1-0', connection: null });
  });
});

describe("MariaDB's ALTER TABLE in two phases", () => {
  /** Bodies behind domain and sequence, as 10.11 writes them. */
  const read = (rest: string): boolean => {
    const bytes = event({ type: 162 }, Buffer.concat([uint(7, 8), uint(0, 4), Buffer.from(rest, 'hex')]));
    return readMariadbGtid(bytes, 0, bytes.length).voidAlter;
  };
  const commitId = '0102030405060708';
  const xid = '070000000303' + '6f6e65' + '74776f';

  test.each([
    ['an ordinary statement', '29000000000000', false],
    ['it begins', '29020000000000', true],
    ['it is committed', '29046900000000000000', false],
    ['it is rolled back', '29086900000000000000', true],
    ['it begins, in a group commit', `2b${commitId}02`, true],
    ['a group commit', `2b${commitId}`, false],
    ['the outcome of an XA transaction', `8d${xid}`, false],
    ['a transaction of several engines', '0c0101000000', false],
    ['more than one engine, and it begins', '290301', true],
  ])('%s', (_name, rest, expected) => {
    expect(read(rest)).toBe(expected);
  });
});

describe('what may be rolled back', () => {
  const asked = (type: number, body: Buffer): boolean => {
    const bytes = event({ type }, body);
    return mayBeRolledBack(bytes, 0, bytes.length);
  };

  test('on MariaDB everything but a statement alone', () => {
    expect(
      [0x0c, 0x2c, 0x4c, 0x29, 0x8d].map((flags) =>
        asked(162, Buffer.concat([Buffer.alloc(12), Buffer.of(flags)])),
      ),
    ).toEqual([true, true, true, false, false]);
  });

  test('on MySQL what may hold statements', () => {
    for (const type of [33, 34]) {
      expect(
        [0, 1, 3].map((flags) => asked(type, Buffer.concat([Buffer.of(flags), Buffer.alloc(41)]))),
      ).toEqual([false, true, true]);
    }
    const fields = { tag: 'audit', number: 5n, immediate: microseconds };
    for (const [flags, expected] of [
      [0n, false],
      [1n, true],
      [2n, false],
    ] as const) {
      const bytes = tagged({ ...fields, flags });
      expect(mayBeRolledBack(bytes, 0, bytes.length)).toBe(expected);
    }
  });
});

/** GTID_LOG_EVENT or ANONYMOUS_GTID_LOG_EVENT; each version of the server added to its end. */
function classic(
  type: 33 | 34,
  number: bigint,
  times: { immediate?: bigint; original?: bigint; clock?: boolean } = {},
): Buffer {
  const parts = [uint(1, 1), uuidBytes, uint(number, 8)];
  if (times.clock !== false) parts.push(uint(2, 1), uint(10, 8), uint(11, 8));
  if (times.immediate !== undefined) {
    const separate = times.original !== undefined;
    parts.push(uint(times.immediate | (separate ? 1n << 55n : 0n), 7));
    if (times.original !== undefined) parts.push(uint(times.original, 7));
    parts.push(Buffer.of(40), uint(80_004 | 0, 4));
  }
  return event({ type }, Buffer.concat(parts));
}

const readMysql = (bytes: Buffer): ReturnType<typeof readMysqlGtid> => readMysqlGtid(bytes, 0, bytes.length);
const microseconds = 1_763_755_800_123_456n;

describe('MySQL, classic', () => {
  test('on the source one time stands for both', () => {
    expect(readMysql(classic(33, 23n, { immediate: microseconds }))).toEqual({
      gtid: `${uuid}:23`,
      origin: `c:${microseconds}`,
      connection: null,
      standalone: false,
      opens: false,
      voidAlter: false,
    });
  });

  test('on a replica the original time counts', () => {
    const bytes = classic(33, 23n, { immediate: microseconds + 5_000_000n, original: microseconds });
    expect(readMysql(bytes).origin).toBe(`c:${microseconds}`);
  });

  test('an anonymous transaction has no GTID, and a time', () => {
    const bytes = classic(34, 0n, { immediate: microseconds + 1n, original: microseconds });
    expect(readMysql(bytes)).toMatchObject({ gtid: null, origin: `c:${microseconds}` });
  });

  test('servers before 8.0.1 write no time: the GTID is the mark', () => {
    expect(readMysql(classic(33, 23n))).toMatchObject({ gtid: `${uuid}:23`, origin: `u:${uuid}:23` });
    expect(readMysql(classic(33, 23n, { clock: false })).origin).toBe(`u:${uuid}:23`);
    expect(readMysql(classic(34, 0n))).toMatchObject({ gtid: null, origin: '' });
  });

  test('times have 55 bits', () => {
    for (const time of [1n, 2n ** 48n - 1n, 2n ** 48n, 2n ** 55n - 1n]) {
      expect(readMysql(classic(33, 23n, { immediate: time })).origin).toBe(`c:${time}`);
      expect(readMysql(classic(33, 23n, { immediate: 5n, original: time })).origin).toBe(`c:${time}`);
    }
  });

  test('a clock of another kind says nothing of times', () => {
    const bytes = classic(33, 23n, { immediate: microseconds });
    bytes[19 + 25] = 1;
    expect(readMysql(bytes).origin).toBe(`u:${uuid}:23`);
  });

  test('cut off, it is refused, or has no time', () => {
    const whole = classic(33, 23n, { immediate: microseconds + 1n, original: microseconds });
    for (let end = 19; end < whole.length - 5; end += 1) {
      if (end < 19 + 25) {
        expect(() => readMysqlGtid(whole, 0, end)).toThrow(expect.objectContaining({ code: 'protocol' }));
      } else expect(readMysqlGtid(whole, 0, end).origin).toBe(`u:${uuid}:23`);
    }
    const alone = classic(33, 23n, { immediate: microseconds });
    expect(readMysqlGtid(alone, 0, alone.length - 5).origin).toBe(`c:${microseconds}`);
    expect(readMysqlGtid(alone, 0, alone.length - 6).origin).toBe(`u:${uuid}:23`);
  });

  test('a time of 0 is none: the transaction came through an older server', () => {
    const bytes = classic(33, 23n, { immediate: microseconds, original: 0n });
    expect(readMysql(bytes).origin).toBe(`u:${uuid}:23`);
  });
});

/** An unsigned integer of MySQL's serialisation: as many trailing ones in the first byte as bytes follow. */
function varint(value: bigint): Buffer {
  for (let extra = 0; extra < 8; extra += 1) {
    if (value < 1n << BigInt(7 * (extra + 1))) {
      const whole = (value << BigInt(extra + 1)) | ((1n << BigInt(extra)) - 1n);
      return uint(whole, extra + 1);
    }
  }
  return Buffer.concat([Buffer.of(0xff), uint(value, 8)]);
}

const zigzag = (value: bigint): bigint => (value < 0n ? (-value << 1n) - 1n : value << 1n);

/** GTID_TAGGED_LOG_EVENT (libs/mysql/serialization/readme.md). */
function tagged(fields: {
  readonly flags?: bigint;
  readonly tag: string;
  readonly number: bigint;
  readonly immediate: bigint;
  readonly original?: bigint;
}): Buffer {
  const field = (id: number, ...values: Buffer[]): Buffer => Buffer.concat([varint(BigInt(id)), ...values]);
  const body = Buffer.concat([
    field(0, varint(fields.flags ?? 1n)),
    field(1, ...[...uuidBytes].map((byte) => varint(BigInt(byte)))),
    field(2, varint(zigzag(fields.number))),
    field(3, varint(BigInt(fields.tag.length)), Buffer.from(fields.tag)),
    field(4, varint(zigzag(10n))),
    field(5, varint(zigzag(11n))),
    field(6, varint(fields.immediate)),
    ...(fields.original === undefined ? [] : [field(7, varint(fields.original))]),
    field(8, varint(300n)),
    field(9, varint(90_704n)),
  ]);
  const lastNonIgnorable = varint(9n);
  // The size counts the whole message, itself included.
  let size = varint(0n);
  for (let round = 0; round < 3; round += 1) {
    size = varint(BigInt(1 + size.length + lastNonIgnorable.length + body.length));
  }
  return event({ type: 42 }, Buffer.concat([varint(1n), size, lastNonIgnorable, body]));
}

describe('MySQL, tagged', () => {
  test('uuid, tag and number; the original time where there is one', () => {
    fc.assert(
      fc.property(
        fc.stringMatching(/^[a-z_][a-z0-9_]{0,31}$/),
        fc.bigInt({ min: 1n, max: 2n ** 63n - 2n }),
        fc.bigInt({ min: 1n, max: 2n ** 55n - 1n }),
        fc.option(fc.bigInt({ min: 1n, max: 2n ** 55n - 1n }), { nil: undefined }),
        (tag, number, immediate, original) => {
          const bytes = tagged({ tag, number, immediate, ...(original === undefined ? {} : { original }) });
          expect(readMysql(bytes)).toEqual({
            gtid: `${uuid}:${tag}:${number}`,
            origin: `c:${original ?? immediate}`,
            connection: null,
            standalone: false,
            opens: false,
            voidAlter: false,
          });
        },
      ),
    );
  });

  test('one that is cut short is refused or read in part, never read beyond its end', () => {
    const whole = tagged({ tag: 'audit', number: 5n, immediate: microseconds });
    for (let bytes = 19; bytes < whole.length; bytes += 1) {
      try {
        readMysqlGtid(whole, 0, bytes);
      } catch (error) {
        expect(error).toMatchObject({ code: 'protocol' });
      }
    }
  });
});
