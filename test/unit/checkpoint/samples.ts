import fc from 'fast-check';

import type { Checkpoint } from '../../../src/checkpoint/checkpoint.js';
import { hintFromToken } from '../../../src/hints/hint.js';
import type { TrailEntry } from '../../../src/matching/trail.js';

/** A checkpoint with the given trail, and whatever else a test wants to be different. */
export function checkpointOf(
  entries: readonly TrailEntry[] = [],
  changes: Partial<Checkpoint> = {},
): Checkpoint {
  return {
    stream: 'shop-audit',
    fencingToken: 0,
    server: { host: '127.0.0.1', port: 3402, serverId: 2, uuid: '1d1b0c2e-6f0e-11f0-8a53-0242ac120002' },
    keepsOrder: true,
    coordinates: { file: 'mysql-bin.000018', position: 32_087_423 },
    sequence: 12,
    numberedFrom: null,
    trail: { entries, partial: null },
    anchors: 'hint',
    gtidSet: null,
    sink: { offset: 4096 },
    layouts: null,
    savedAt: 1_795_291_200_000,
    ...changes,
  };
}

/** The n-th hint of a series that ascends. */
export function hintEntry(n: number): TrailEntry {
  const token = `asc:6B01F8DB:${n.toString(16).toUpperCase().padStart(16, '0')}:317ACA46`;
  return {
    kind: 'hint',
    hint: hintFromToken(token),
    coordinates: { file: 'mysql-bin.000018', position: 4 + n * 1000 },
  };
}

/** The n-th transaction: a digest as random as a real one, a second and the origin of the given kind. */
export function transactionEntry(n: number, origin = `g:0-1-${String(n)}`): TrailEntry {
  // A multiplication by an odd constant modulo 2^64 spreads the bits well enough to be incompressible.
  const mixed = BigInt.asUintN(64, BigInt(n + 1) * 0x9e3779b97f4a7c15n);
  const digest = BigInt.asUintN(64, (mixed ^ (mixed >> 29n)) * 0xbf58476d1ce4e5b9n);
  return {
    kind: 'transaction',
    identity: { digest, second: 1_795_291_200 + Math.floor(n / 100), origin },
  };
}

/** `count` entries, every `every`-th of them a hint, beginning with one. */
export function longTrail(count: number, every = 100, origin?: (n: number) => string): TrailEntry[] {
  return Array.from({ length: count }, (_, n) =>
    n % every === 0 ? hintEntry(n) : transactionEntry(n, origin?.(n)),
  );
}

const natural = fc.oneof(fc.nat(), fc.maxSafeNat());
const second = fc.oneof(
  fc.integer({ min: 1_795_291_200, max: 1_795_291_300 }),
  fc.integer({ min: 0, max: 2 ** 32 - 1 }),
);
const digest = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const uint32 = fc.integer({ min: 0, max: 2 ** 32 - 1 });
const origin = fc.oneof(
  fc.constant(''),
  fc
    .integer({ min: 1_795_291_200_000_000, max: 1_795_291_300_000_000 })
    .map((micros) => `c:${String(micros)}`),
  digest.map((micros) => `c:${String(micros)}`),
  fc.tuple(fc.integer({ min: 0, max: 3 }), fc.integer({ min: 1, max: 3 }), natural).map(gtid),
  fc.tuple(uint32, uint32, digest).map(gtid),
  fc.constantFrom(
    'c:',
    'c:007',
    'c:-1',
    'c:1e3',
    'g:',
    'g:-',
    'g:0-1-',
    'g:0-1-01',
    'g:1',
    'g:-5',
    'x:\u0000é',
  ),
  fc.string({ unit: 'binary' }),
);
const text = fc.string({ unit: 'binary', maxLength: 40 });
const coordinates = fc.record({
  file: fc.oneof(fc.constantFrom('mysql-bin.000017', 'mysql-bin.000018'), text),
  position: natural,
});
const hint = fc.oneof(
  fc.nat().map((n) => hintEntry(n)),
  fc.record({
    kind: fc.constant('hint' as const),
    hint: fc.oneof(text.map(hintFromToken), fc.record({ token: text, ascending: fc.boolean() })),
    coordinates,
  }),
);
const transaction = fc.record({
  kind: fc.constant('transaction' as const),
  identity: fc.record({ digest, second, origin }),
});

const gtidAnchor = fc.record({ kind: fc.constant('gtid' as const), gtid: text, coordinates });

const anyEntry: fc.Arbitrary<TrailEntry> = fc.oneof(
  { weight: 1, arbitrary: hint },
  { weight: 1, arbitrary: gtidAnchor },
  { weight: 6, arbitrary: transaction },
);

/** Any checkpoint that the types allow, with names and texts of any characters. */
export const anyCheckpoint: fc.Arbitrary<Checkpoint> = fc.record({
  stream: fc.string({ unit: 'binary', maxLength: 100 }),
  fencingToken: natural,
  server: fc.record({ host: text, port: natural, serverId: uint32, uuid: text }),
  keepsOrder: fc.boolean(),
  coordinates,
  sequence: natural,
  numberedFrom: fc.option(text),
  trail: fc.record({
    entries: fc.array(anyEntry, { maxLength: 60 }),
    partial: fc.option(fc.record({ second, origin, changes: natural, contentBytes: natural, digest })),
  }),
  anchors: fc.constantFrom('hint' as const, 'gtid' as const),
  gtidSet: fc.option(text),
  sink: fc.option(
    // JSON knows no negative zero.
    fc.dictionary(
      text,
      fc.oneof(
        text,
        fc.integer(),
        fc.double({ noNaN: true, noDefaultInfinity: true }).map((x) => x + 0),
      ),
    ),
  ),
  layouts: fc.option(fc.record({ id: fc.string(), version: fc.nat() })),
  savedAt: fc.integer({ min: 0, max: 8_640_000_000_000_000 }),
});

function gtid([domain, server, sequence]: [number, number, number | bigint]): string {
  return `g:${String(domain)}-${String(server)}-${String(sequence)}`;
}
