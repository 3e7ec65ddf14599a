import { expect } from 'vitest';
import type { TestServer } from '../servers/index.js';
import { schema } from './load-schema.js';

/** The checksum of every table that the load writes. */
async function checksumsOf(server: TestServer): Promise<Record<string, string>> {
  const tables = await server.query<{ name: string }>(
    "SELECT CONCAT('`', TABLE_SCHEMA, '`.`', TABLE_NAME, '`') AS name FROM INFORMATION_SCHEMA.TABLES " +
      "WHERE TABLE_SCHEMA IN (?, 'aside') ORDER BY name",
    [schema],
  );
  const rows = await server.query<{ Table: string; Checksum: string | number }>(
    `CHECKSUM TABLE ${tables.map(({ name }) => name).join(', ')} EXTENDED`,
  );
  return Object.fromEntries(rows.map((row) => [row.Table, String(row.Checksum)]));
}

/** That all servers hold the same rows in the same tables: nothing lost, nothing doubled. */
export async function expectSameTables(servers: readonly TestServer[]): Promise<void> {
  const [first, ...others] = await Promise.all(servers.map(checksumsOf));
  expect(Object.keys(first ?? {}).length).toBeGreaterThan(5);
  for (const [index, other] of others.entries()) {
    expect(other, `${servers[index + 1]?.name ?? ''} against ${servers[0]?.name ?? ''}`).toEqual(first);
  }
}
