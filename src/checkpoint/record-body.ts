import { deflateRawSync, inflateRawSync } from 'node:zlib';

import { z } from 'zod';

import type { PartialTransaction } from '../matching/trail.js';

import { VarintReader, VarintWriter, MalformedRecord } from './varints.js';
import type { Checkpoint } from './checkpoint.js';
import { type TrailColumns, decodeTrail, encodeTrail } from './trail-columns.js';

/**
 * The most bytes of a decompressed body. A record of 256 KiB stays far below. A hostile one could inflate to
 * a thousand times its size. It is refused before memory is allocated.
 */
const maxInflatedBytes = 16 * 1024 * 1024;

const natural = z.int().nonnegative();
const anchorRow = z.tuple([z.string(), z.literal([0, 1, 2]), natural, natural]);

/**
 * Everything but the trail's anchors. It is also checked before writing, so that everything stored can be read again.
 */
const baseSchema = z.strictObject({
  stream: z.string(),
  fencingToken: natural,
  server: z.strictObject({ host: z.string(), port: natural, serverId: natural, uuid: z.string() }),
  coordinates: z.strictObject({ file: z.string(), position: natural }),
  // In version 1, the first of these is sometimes missing, and the second always.
  numberedFrom: z.string().nullable().default(null),
  keepsOrder: z.boolean().default(false),
  sequence: natural,
  /** Written only if it isn't the hint: earlier versions know nothing else, and can read such a record. */
  anchors: z.literal('gtid').optional(),
  gtidSet: z.string().nullable(),
  /** Pairs, not an object: so any name is possible, even `__proto__`. */
  sink: z.array(z.tuple([z.string(), z.union([z.string(), z.number()])])).nullable(),
  /** Version 3 has none. */
  layouts: z.strictObject({ id: z.string(), version: natural }).nullable().default(null),
  savedAt: z.int(),
  partial: z
    .strictObject({
      second: natural,
      origin: z.string(),
      changes: natural,
      contentBytes: natural,
      digest: z.string().regex(/^\d{1,20}$/),
    })
    .nullable(),
});

const headerSchema = baseSchema.extend({
  hints: z.array(anchorRow),
  files: z.array(z.string()),
  gtidGroups: z.array(z.string()),
  literals: z.array(z.string()),
});

/** A checkpoint in the record's form, without the entries of its trail. */
export type RecordBase = z.infer<typeof baseSchema>;

/**
 * Returns a checkpoint in the record's form.
 * @throws RangeError if a field holds an impossible value: a negative or fractional count, NaN, a digest of
 *   more than 64 bits.
 */
export function recordBaseOf(checkpoint: Checkpoint): RecordBase {
  const { stream, fencingToken, server, keepsOrder, coordinates, sequence, numberedFrom } = checkpoint;
  const { gtidSet, sink, layouts, savedAt, trail } = checkpoint;
  const { host, port, serverId, uuid } = server;
  const parsed = baseSchema.safeParse({
    stream,
    fencingToken,
    server: { host, port, serverId, uuid },
    coordinates: { file: coordinates.file, position: coordinates.position },
    sequence,
    numberedFrom,
    keepsOrder,
    ...(checkpoint.anchors === 'gtid' ? { anchors: 'gtid' } : {}),
    gtidSet,
    sink: sink === null ? null : Object.entries(sink),
    layouts,
    savedAt,
    partial: trail.partial === null ? null : partialOf(trail.partial),
  });
  if (!parsed.success) throw new RangeError(`not a checkpoint: ${z.prettifyError(parsed.error)}`);
  return parsed.data;
}

/**
 * Encodes a record's body: the compressed header and numbers, then the digests. Null if its decompressed part
 * would be larger than {@link maxInflatedBytes}.
 */
export function encodeBody(
  base: RecordBase,
  entries: Checkpoint['trail']['entries'],
  start: number,
): Buffer | null {
  const columns: TrailColumns = encodeTrail(entries, start);
  const json = Buffer.from(JSON.stringify({ ...base, ...columns.header }));
  const jsonLength = new VarintWriter();
  jsonLength.varint(json.length);
  const plain = Buffer.concat([jsonLength.finish(), json, columns.numbers]);
  if (plain.length > maxInflatedBytes) return null;
  const compressed = deflateRawSync(plain);
  const compressedLength = new VarintWriter();
  compressedLength.varint(compressed.length);
  return Buffer.concat([compressedLength.finish(), compressed, columns.digests]);
}

/**
 * Decodes a record's body.
 * @throws MalformedRecord, or an error of zlib or JSON, if encodeBody didn't make the body.
 */
export function decodeBody(body: Buffer): Checkpoint {
  const outer = new VarintReader(body);
  const compressed = outer.take(outer.varint());
  const digests = outer.take(outer.left);
  const plain = new VarintReader(inflateRawSync(compressed, { maxOutputLength: maxInflatedBytes }));
  const json: unknown = JSON.parse(plain.take(plain.varint()).toString('utf8'));
  const parsed = headerSchema.safeParse(json);
  if (!parsed.success) throw new MalformedRecord(`its header is wrong: ${z.prettifyError(parsed.error)}`);
  const { sink, partial, anchors = 'hint', hints, files, gtidGroups, literals, ...rest } = parsed.data;
  const entries = decodeTrail({ hints, files, gtidGroups, literals }, plain, digests);
  if (plain.left > 0) throw new MalformedRecord('bytes are left over after its trail');
  return {
    ...rest,
    anchors,
    sink: sink === null ? null : Object.fromEntries(sink),
    trail: { entries, partial: partial === null ? null : { ...partial, digest: BigInt(partial.digest) } },
  };
}

function partialOf(partial: PartialTransaction): NonNullable<RecordBase['partial']> {
  const { second, origin, changes, contentBytes, digest } = partial;
  if (digest !== BigInt.asUintN(64, digest)) throw new RangeError('a digest has 64 bits and no sign');
  return { second, origin, changes, contentBytes, digest: String(digest) };
}
