import { type Address, formatAddress } from '../config/address.js';
import type { Secret } from '../config/secret.js';
import { WaymarkError } from '../util/errors.js';
import type { ServerConnection } from './connection.js';
import type { Account, Instance } from './instance.js';
import { quoteName } from './quote.js';
import { errorNumberOf } from './server-error.js';

/** Where waymark's own tables are: a server, a schema, and optionally an account for them. */
export type TablesConfig = {
  readonly server: Address;
  readonly schema: string;
  readonly user?: string | undefined;
  readonly password?: Secret | undefined;
};

/** Returns the server of waymark's own tables, with the account for them: their own, or the account of the streams. */
export function tablesInstance({ server, user, password }: TablesConfig, account: Account): Instance {
  return {
    address: server,
    account: {
      ...account,
      ...(user === undefined ? {} : { user }),
      ...(password === undefined ? {} : { password }),
    },
  };
}

/** ER_NO_SUCH_TABLE, ER_BAD_DB_ERROR, ER_BAD_FIELD_ERROR (MySQL 8.0 Error Reference; the same in MariaDB). */
const missingNumbers = new Set([1146, 1049, 1054]);

/** Whether the server says that the schema, the table or a column doesn't exist. */
function isMissing(error: unknown): boolean {
  return missingNumbers.has(errorNumberOf(error) ?? 0);
}

/**
 * Returns the error for a table of waymark's own that can't be used.
 * @param what what the table keeps, for messages.
 * @param why the server's error, or a reason.
 */
export function tablesError(
  code: 'checkpoint-store' | 'election-store',
  what: string,
  address: Address,
  why: WaymarkError | string,
  details: Readonly<Record<string, string>>,
): WaymarkError {
  const server = formatAddress(address);
  const advice = isMissing(why)
    ? 'waymark check prints the statements that create the table, and waymark check --fix runs them.'
    : `Check that ${server} runs and accepts the account.`;
  const reason = typeof why === 'string' ? why : why.message;
  return new WaymarkError(code, `${what} on ${server} can't be used: ${reason}. ${advice}`, {
    details: { server, ...details },
    ...(typeof why === 'string' ? {} : { cause: why }),
  });
}

/** The definition of one of waymark's own tables. */
export type OwnTable = {
  readonly schema: string;
  readonly table: string;
  /** The statement that creates it. */
  readonly sql: string;
};

/** A table that doesn't exist, and the statements that create it. */
export type MissingTable = { readonly definition: OwnTable; readonly statements: readonly string[] };

/** Returns the tables that don't exist, or that this account can't see. */
export async function missingTables(
  connection: ServerConnection,
  definitions: readonly OwnTable[],
): Promise<readonly MissingTable[]> {
  const missing: MissingTable[] = [];
  for (const definition of definitions) {
    const { schema, table, sql } = definition;
    const tables = await connection.query(
      'SELECT 1 FROM information_schema.TABLES WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ?',
      [schema, table],
    );
    if (tables.length > 0) continue;
    const schemas = await connection.query(
      'SELECT 1 FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = ?',
      [schema],
    );
    const first = schemas.length > 0 ? [] : [`CREATE DATABASE IF NOT EXISTS ${quoteName(schema)}`];
    missing.push({ definition, statements: [...first, sql] });
  }
  return missing;
}
