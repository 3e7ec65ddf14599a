/**
 * Makes src/decode/charset-data.ts: what the servers themselves take for the characters of each character set, and
 * which set each collation belongs to. Run by hand (`npm run charsets`) when a server brings new sets or collations.
 * All kinds of servers that the provider has are asked, and must not contradict each other.
 */
import { writeFile } from 'node:fs/promises';
import { constants, brotliCompressSync } from 'node:zlib';
import { startServer, supports, type Vendor } from '../servers/index.js';
import { askServer, type ServerCharsets } from './ask-server.js';

const kinds: readonly (readonly [Vendor, string])[] = [
  ['mariadb', '10.11'],
  ['mariadb', '11.8'],
  ['mysql', '8.0'],
  ['mysql', '8.4'],
  ['mysql', '9.7'],
];

const target = new URL('../../src/decode/charset-data.ts', import.meta.url);

const characters = new Map<string, ReadonlyMap<number, number>>();
const collations = new Map<number, string>();
const asked: string[] = [];
for (const [vendor, version] of kinds) {
  if (!(await supports(vendor, version))) continue;
  const server = await startServer({ vendor, version });
  asked.push(`${vendor === 'mysql' ? 'MySQL' : 'MariaDB'} ${server.version}`);
  await server.query('CREATE DATABASE charsets');
  const connection = await server.connect({ database: 'charsets' });
  merge(await askServer(connection), server.version);
  await server.stop();
}
await writeFile(target, moduleText());

function merge(said: ServerCharsets, version: string): void {
  for (const [set, table] of said.characters) {
    const known = characters.get(set);
    if (known === undefined) characters.set(set, table);
    else if (!same(known, table)) throw new Error(`${set} isn't the same on ${version}`);
  }
  for (const [id, set] of said.collations) {
    const known = collations.get(id) ?? set;
    if (known !== set) throw new Error(`collation ${id} is of ${known} and, on ${version}, of ${set}`);
    collations.set(id, set);
  }
}

function same(one: ReadonlyMap<number, number>, other: ReadonlyMap<number, number>): boolean {
  return one.size === other.size && [...one].every(([code, point]) => other.get(code) === point);
}

function moduleText(): string {
  const tables = [...characters]
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([set, table]) => `  ${set}: '${packed(table)}',`);
  return [
    `/** Made by test/charsets/generate.ts from ${asked.join(', ')}. Don't change it by hand. */`,
    '',
    '/** See character-runs.ts. */',
    'export const packedTables: Readonly<Record<string, string>> = {',
    ...tables,
    '};',
    '',
    "/** The collations' ids of each character set, as `id` or `first-last`. */",
    'export const collationIds: Readonly<Record<string, string>> = {',
    ...idsOfSets().map(([set, ids]) => `  ${set}: '${ids}',`),
    '};',
    '',
  ].join('\n');
}

/** Runs of characters that go up together, see src/decode/character-runs.ts. */
function packed(table: ReadonlyMap<number, number>): string {
  const bytes: number[] = [];
  const number = (value: number): void => {
    let rest = value;
    for (; rest > 0x7f; rest = Math.floor(rest / 128)) bytes.push((rest & 0x7f) | 0x80);
    bytes.push(rest);
  };
  const entries = [...table].sort(([one], [other]) => one - other);
  let [code, point] = [0, 0];
  for (let at = 0; at < entries.length;) {
    const [first, character] = entries[at] ?? [0, 0];
    let length = 1;
    while (entries[at + length]?.[0] === first + length && entries[at + length]?.[1] === character + length) {
      length += 1;
    }
    number(first - code);
    const distance = character - point;
    number(distance < 0 ? -2 * distance - 1 : 2 * distance);
    number(length);
    [code, point] = [first + length, character + length];
    at += length;
  }
  const options = { params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_LGWIN]: 22 } };
  return brotliCompressSync(Buffer.from(bytes), options).toString('base64');
}

function idsOfSets(): [string, string][] {
  const ids = new Map<string, number[]>();
  for (const [id, set] of [...collations].sort(([one], [other]) => one - other)) {
    ids.set(set, [...(ids.get(set) ?? []), id]);
  }
  return [...ids].sort(([one], [other]) => (one < other ? -1 : 1)).map(([set, list]) => [set, ranges(list)]);
}

function ranges(ids: readonly number[]): string {
  const found: [number, number][] = [];
  for (const id of ids) {
    const last = found.at(-1);
    if (last?.[1] === id - 1) last[1] = id;
    else found.push([id, id]);
  }
  return found.map(([first, last]) => (first === last ? String(first) : `${first}-${last}`)).join();
}
