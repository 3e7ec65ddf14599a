import type { Connection, RowDataPacket } from 'mysql2/promise';

/** What a server says of its character sets. */
export type ServerCharsets = {
  /** Name of a set → each byte sequence (as a number, big-endian) → the code point that the server reads it as. */
  readonly characters: ReadonlyMap<string, ReadonlyMap<number, number>>;
  /** Collation id → character set. */
  readonly collations: ReadonlyMap<number, string>;
};

/** Sets that are a way to write Unicode, and no table. */
const unicodeSets = new Set(['binary', 'utf8mb3', 'utf8mb4', 'ucs2', 'utf16', 'utf16le', 'utf32']);

/** Asks a server for every character of every set that is a table: each byte sequence is converted by itself. */
export async function askServer(connection: Connection): Promise<ServerCharsets> {
  await connection.query('CREATE TEMPORARY TABLE numbers (n INT UNSIGNED PRIMARY KEY)');
  const all = Array.from({ length: 65_536 }, (_, n) => `(${n})`);
  for (let at = 0; at < all.length; at += 8192) {
    await connection.query(`INSERT INTO numbers VALUES ${all.slice(at, at + 8192).join()}`);
  }
  const [sets] = await connection.query<RowDataPacket[]>(
    'SELECT CHARACTER_SET_NAME AS name, MAXLEN AS bytes FROM information_schema.CHARACTER_SETS ORDER BY 1',
  );
  const characters = new Map<string, ReadonlyMap<number, number>>();
  for (const { name, bytes } of sets as { name: string; bytes: number }[]) {
    if (!unicodeSets.has(name)) characters.set(name, await charactersOf(connection, name, bytes));
  }
  await connection.query('DROP TEMPORARY TABLE numbers');
  return { characters, collations: await collationsOf(connection) };
}

async function charactersOf(
  connection: Connection,
  set: string,
  bytes: number,
): Promise<Map<number, number>> {
  const found = new Map<number, number>();
  await ask(connection, set, found, 'CHAR(n)', 'n < 256', (n) => n);
  if (bytes > 1) {
    await ask(connection, set, found, 'CHAR(n >> 8, n & 255)', 'n > 0x7fff', (n) => n);
    // A character and half of the next one: MySQL drops the half.
    for (const code of found.keys()) if (code > 0xff && found.has(code >> 8)) found.delete(code);
  }
  // Three bytes begin with 8F in the two sets that have them; a set with four has none of three.
  if (bytes === 3) {
    await ask(connection, set, found, 'CHAR(0x8f, n >> 8, n & 255)', 'n > 0x7fff', (n) => 0x8f_0000 + n);
  }
  if (bytes === 4) await askFourBytes(connection, set, found);
  return found;
}

/** GB 18030: 81–FE, 30–39, 81–FE, 30–39. */
async function askFourBytes(connection: Connection, set: string, found: Map<number, number>): Promise<void> {
  for (let first = 0x81; first <= 0xfe; first += 1) {
    for (let second = 0x30; second <= 0x39; second += 1) {
      const head = first * 0x100_0000 + second * 0x1_0000;
      await ask(
        connection,
        set,
        found,
        `CHAR(${first}, ${second}, n >> 8, n & 255)`,
        'n > 0x80ff AND (n & 255) BETWEEN 0x30 AND 0x39',
        (n) => head + n,
      );
    }
  }
}

async function ask(
  connection: Connection,
  set: string,
  found: Map<number, number>,
  sequence: string,
  where: string,
  code: (n: number) => number,
): Promise<void> {
  const [rows] = await connection.query<RowDataPacket[]>({
    sql: `SELECT n, HEX(CONVERT(CONVERT(${sequence} USING ${set}) USING utf32)) FROM numbers WHERE ${where}`,
    rowsAsArray: true,
  });
  for (const [n, hex] of rows as unknown as [number, string | null][]) {
    // What can't be read comes as NULL, as '?', or as several characters.
    if (hex?.length !== 8) continue;
    const point = Number.parseInt(hex, 16);
    if (point === 0x3f && n !== 0x3f) continue;
    found.set(code(n), point);
  }
}

async function collationsOf(connection: Connection): Promise<Map<number, string>> {
  const [version] = await connection.query<RowDataPacket[]>('SELECT VERSION() AS text');
  // MariaDB's COLLATIONS lacks the ids of the collations that fit several sets.
  const source = String(version[0]?.['text']).includes('MariaDB')
    ? 'COLLATION_CHARACTER_SET_APPLICABILITY'
    : 'COLLATIONS';
  const [rows] = await connection.query<RowDataPacket[]>(
    `SELECT ID AS id, CHARACTER_SET_NAME AS name FROM information_schema.${source} ORDER BY ID`,
  );
  return new Map((rows as { id: number; name: string }[]).map(({ id, name }) => [id, name]));
}
