import fc from 'fast-check';
import { lowFirst } from './read-value.js';

/**
 * A value of MySQL's binary JSON, as json_binary.h describes it: its type, its bytes and its text. Small numbers and
 * literals stand in their container instead of a place of their own.
 */
export type JsonNode = { readonly kind: number; readonly bytes: Buffer; readonly text: string };

/** A whole document. */
export const documentOf = ({ kind, bytes }: JsonNode): Buffer => Buffer.concat([Buffer.of(kind), bytes]);

export const literal = (value: 0 | 1 | 2): JsonNode => ({
  ...{ kind: 4, bytes: Buffer.of(value), text: ['null', 'true', 'false'][value] ?? '' },
});

const integer = (kind: number, size: number, value: bigint): JsonNode => ({
  ...{ kind, bytes: lowFirst(value, size), text: `${value}` },
});

export function double(value: number): JsonNode {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleLE(value);
  const text = Object.is(value, -0) ? '-0' : String(value);
  return { kind: 11, bytes, text: /[.e]/.test(text) ? text : `${text}.0` };
}

/** A length in groups of seven bits. */
function lengthOf(length: number): Buffer {
  const groups: number[] = [];
  let rest = length;
  for (; rest >= 128; rest = Math.floor(rest / 128)) groups.push((rest % 128) | 0x80);
  return Buffer.from([...groups, rest]);
}

export function string(value: string): JsonNode {
  const bytes = Buffer.from(value);
  return { kind: 12, bytes: Buffer.concat([lengthOf(bytes.length), bytes]), text: JSON.stringify(value) };
}

/** A value of a type of SQL. */
export const opaque = (type: number, value: Buffer, text: string): JsonNode => ({
  ...{ kind: 15, bytes: Buffer.concat([Buffer.of(type), lengthOf(value.length), value]), text },
});

/** An array, or with keys an object. `large`: with offsets of four bytes. */
export function container(
  nodes: readonly JsonNode[],
  keys: readonly string[] | null,
  large: boolean,
): JsonNode {
  const width = large ? 4 : 2;
  const isInline = ({ kind }: JsonNode): boolean =>
    [4, 5, 6].includes(kind) || (large && [7, 8].includes(kind));
  const names = (keys ?? []).map((key) => Buffer.from(key));
  let at = 2 * width + names.length * (width + 2) + nodes.length * (1 + width);
  const placed = (bytes: Buffer): Buffer => {
    const offset = lowFirst(BigInt(at), width);
    at += bytes.length;
    return offset;
  };
  const keyEntries = names.map((name) => Buffer.concat([placed(name), lowFirst(BigInt(name.length), 2)]));
  const entries = nodes.map((node) => {
    const value = isInline(node)
      ? Buffer.concat([node.bytes, Buffer.alloc(width)], width)
      : placed(node.bytes);
    return Buffer.concat([Buffer.of(node.kind), value]);
  });
  const outside = nodes.filter((node) => !isInline(node)).map(({ bytes }) => bytes);
  const [count, size] = [lowFirst(BigInt(nodes.length), width), lowFirst(BigInt(at), width)];
  const texts = nodes.map(({ text }, index) =>
    keys === null ? text : `${JSON.stringify(keys[index])}:${text}`,
  );
  return {
    kind: (keys === null ? 2 : 0) + (large ? 1 : 0),
    bytes: Buffer.concat([count, size, ...keyEntries, ...entries, ...names, ...outside]),
    text: keys === null ? `[${texts.join(',')}]` : `{${texts.join(',')}}`,
  };
}

const whole = (kind: number, size: number, signed: boolean): fc.Arbitrary<JsonNode> => {
  const end = 2n ** BigInt(8 * size);
  const [min, max] = signed ? [-end / 2n, end / 2n - 1n] : [0n, end - 1n];
  return fc
    .oneof(fc.bigInt({ min, max }), fc.constantFrom(min, max))
    .map((value) => integer(kind, size, value));
};

/** Values that hold no others. */
const scalars: fc.Arbitrary<JsonNode> = fc.oneof(
  fc.constantFrom(0 as const, 1 as const, 2 as const).map(literal),
  ...[whole(5, 2, true), whole(6, 2, false), whole(7, 4, true), whole(8, 4, false)],
  ...[whole(9, 8, true), whole(10, 8, false)],
  fc.double({ noNaN: true, noDefaultInfinity: true }).map(double),
  fc
    .oneof(fc.string({ unit: 'binary', maxLength: 200 }), fc.constantFrom('x'.repeat(127), 'x'.repeat(128)))
    .map(string),
  fc
    .uint8Array({ maxLength: 9 })
    .map((bytes) =>
      opaque(252, Buffer.from(bytes), `"base64:type252:${Buffer.from(bytes).toString('base64')}"`),
    ),
);

/** Never a number's text: JSON.parse would put such a key first. */
const keys = fc
  .tuple(fc.constantFrom('k', '$'), fc.string({ maxLength: 8 }))
  .map(([first, rest]) => first + rest);

/** Any document. */
export const documents: fc.Arbitrary<JsonNode> = fc.letrec<{ node: JsonNode }>((tie) => ({
  node: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    scalars,
    fc
      .tuple(fc.array(tie('node'), { maxLength: 5 }), fc.boolean())
      .map(([nodes, large]) => container(nodes, null, large)),
    fc
      .tuple(
        fc.uniqueArray(fc.tuple(keys, tie('node')), { maxLength: 5, selector: ([key]) => key }),
        fc.boolean(),
      )
      .map(([members, large]) =>
        container(
          members.map(([, node]) => node),
          members.map(([key]) => key),
          large,
        ),
      ),
  ),
})).node;
