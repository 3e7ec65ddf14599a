import type { TestServer, Vendor } from '../servers/index.js';
import { type ComparisonName, comparisons } from './comparison.js';
import { jsonCells } from './json-cells.js';

type Column = {
  readonly name: string;
  readonly as: ComparisonName;
  /** The server computes it. */
  readonly generated: boolean;
};

/** What a table holds: for each row the text of each column, by the text of its primary key or, without one, of all. */
type TableSnapshot = {
  readonly columns: readonly Column[];
  readonly key: readonly string[];
  readonly rows: ReadonlyMap<string, ReadonlyMap<string, string | null>>;
};

/** What the tables of a database hold, as the server tells it. */
export type Snapshot = ReadonlyMap<string, TableSnapshot>;

const quoted = (name: string): string => `\`${name.replaceAll('`', '``')}\``;

const comparisonByType: Readonly<Record<string, ComparisonName>> = {
  ...{ tinyint: 'integer', smallint: 'integer', mediumint: 'integer', int: 'integer', bigint: 'integer' },
  ...{ decimal: 'decimal', float: 'float', double: 'double', bit: 'bit', year: 'year' },
  ...{ date: 'temporal', time: 'temporal', datetime: 'temporal', timestamp: 'temporal' },
  ...{ char: 'text', varchar: 'text', tinytext: 'text', text: 'text', mediumtext: 'text', longtext: 'text' },
  ...{ enum: 'text', set: 'text', json: 'json', vector: 'vector' },
  ...{ binary: 'binary', varbinary: 'binary', tinyblob: 'binary', blob: 'binary', mediumblob: 'binary' },
  ...{ longblob: 'binary', uuid: 'address', inet4: 'address', inet6: 'address' },
  ...{ geometry: 'geometry', point: 'geometry', linestring: 'geometry', polygon: 'geometry' },
  ...{ multipoint: 'geometry', multilinestring: 'geometry', multipolygon: 'geometry' },
  ...{ geometrycollection: 'geometry', geomcollection: 'geometry' },
};

/** MariaDB's JSON is a LONGTEXT with a check. */
const typeOf: Readonly<Record<Vendor, string>> = {
  mysql: 'DATA_TYPE',
  mariadb:
    "IF(COLLATION_NAME = 'utf8mb4_bin' AND EXISTS (SELECT 1 FROM information_schema.CHECK_CONSTRAINTS c WHERE " +
    "c.CONSTRAINT_SCHEMA = TABLE_SCHEMA AND c.TABLE_NAME = COLUMNS.TABLE_NAME AND c.LEVEL = 'Column' AND " +
    "c.CHECK_CLAUSE = CONCAT('json_valid(`', COLUMN_NAME, '`)')), 'json', DATA_TYPE)",
};

/** What the tables of a database hold now; invisible columns too. */
export async function takeSnapshot(server: TestServer, database: string): Promise<Snapshot> {
  const columns = await server.query<{ t: string; name: string; type: string; extra: string }>(
    `SELECT TABLE_NAME AS t, COLUMN_NAME AS name, ${typeOf[server.vendor]} AS type, EXTRA AS extra ` +
      'FROM information_schema.COLUMNS ' +
      'JOIN information_schema.TABLES USING (TABLE_SCHEMA, TABLE_NAME) ' +
      "WHERE TABLE_SCHEMA = ? AND TABLE_TYPE = 'BASE TABLE' ORDER BY TABLE_NAME, ORDINAL_POSITION",
    [database],
  );
  const keys = await server.query<{ t: string; name: string }>(
    'SELECT TABLE_NAME AS t, COLUMN_NAME AS name FROM information_schema.STATISTICS ' +
      "WHERE TABLE_SCHEMA = ? AND INDEX_NAME = 'PRIMARY' ORDER BY SEQ_IN_INDEX",
    [database],
  );
  const tables = new Map<string, TableSnapshot>();
  for (const table of new Set(columns.map(({ t }) => t))) {
    const own = columns
      .filter(({ t }) => t === table)
      .map(({ name, type, extra }): Column => {
        return {
          name,
          as: comparisonOf(type, server.vendor),
          generated: /(VIRTUAL|STORED) GENERATED/.test(extra),
        };
      });
    const key = keys.filter(({ t }) => t === table).map(({ name }) => name);
    const asked = own.map(({ name, as }, index) => `${comparisons[as].ask(quoted(name))} AS c${index}`);
    const rows = await server.query<Record<string, string | null>>(
      `SELECT ${asked.join()} FROM ${quoted(database)}.${quoted(table)}`,
    );
    const told = rows.map((row) => new Map(own.map(({ name }, index) => [name, row[`c${index}`] ?? null])));
    const byKey = new Map(told.map((row) => [keyText(table, key, row), row]));
    if (byKey.size !== told.length) throw new Error(`${table} has the same row twice`);
    tables.set(table, { columns: own, key, rows: byKey });
  }
  return tables;
}

function comparisonOf(type: string, vendor: Vendor): ComparisonName {
  const found = comparisonByType[type.toLowerCase()];
  if (found === undefined) throw new Error(`how is ${type} compared?`);
  return found === 'json' && vendor === 'mariadb' ? 'jsonText' : found;
}

function keyText(table: string, key: readonly string[], row: ReadonlyMap<string, string | null>): string {
  const names = key.length > 0 ? key : [...row.keys()];
  return JSON.stringify([table, ...names.map((name) => row.get(name) ?? null)]);
}

/** The keys of rows that are not there any more as they were, and of those that were not there as they are. */
export function changesOf(before: Snapshot, after: Snapshot): { gone: Set<string>; come: Set<string> } {
  return { gone: onlyIn(before, after), come: onlyIn(after, before) };
}

function onlyIn(one: Snapshot, other: Snapshot): Set<string> {
  const found = new Set<string>();
  for (const [table, { rows }] of one) {
    for (const [key, row] of rows) {
      const there = other.get(table)?.rows.get(key);
      if (there === undefined || [...row].some(([name, value]) => there.get(name) !== value)) found.add(key);
    }
  }
  return found;
}

/**
 * How an image differs from a table's row, cell by cell; which row that is, null where there is none like it.
 * @param partial whether the row is marked so. MariaDB 11.8 logs generated columns of new rows alone.
 */
export function cellDifferences(
  { image, table, partial }: { readonly image: string; readonly table: string; readonly partial: boolean },
  snapshot: Snapshot,
): { readonly differences: readonly string[]; readonly key: string | null; readonly cells: number } {
  const known = snapshot.get(table);
  if (known === undefined) return { differences: [`there is no table ${table}`], key: null, cells: 0 };
  const cells = jsonCells(image);
  const logged = known.columns.filter(({ name, generated }) => !(partial && generated && !cells.has(name)));
  if (partial && logged.length === known.columns.length) {
    return { differences: [`a whole row of ${table} is marked as partial`], key: null, cells: 0 };
  }
  const wrongIn = (row: ReadonlyMap<string, string | null>, names: readonly string[]): string[] =>
    logged
      .filter(({ name }) => names.includes(name))
      .filter(({ name, as }) => !isSame(cells.get(name), row.get(name) ?? null, as))
      .map(
        ({ name }) =>
          `${name}: ${cells.get(name)?.slice(0, 200) ?? 'absent'}, told ${row.get(name)?.slice(0, 200) ?? 'NULL'}`,
      );
  const all = logged.map(({ name }) => name);
  const found = [...known.rows].find(
    ([, row]) => wrongIn(row, known.key.length > 0 ? known.key : all).length === 0,
  );
  if (found === undefined) {
    return { differences: [`no row of ${table} is ${image.slice(0, 500)}`], key: null, cells: 0 };
  }
  const [key, row] = found;
  const unknown = [...cells.keys()].filter((name) => !all.includes(name));
  const order =
    [...cells.keys()].join() === all.join() ? [] : [`the columns are ${[...cells.keys()].join()}`];
  const extra = unknown.map((name) => `there is no column ${name}`);
  return { differences: [...wrongIn(row, all), ...extra, ...order], key, cells: all.length };
}

function isSame(json: string | undefined, told: string | null, as: ComparisonName): boolean {
  if (json === undefined) return false;
  if (told === null || json === 'null') return told === null && json === 'null';
  return comparisons[as].same(json, told);
}
