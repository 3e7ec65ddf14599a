import { type Address, formatAddress } from '../config/address.js';
import type { Secret } from '../config/secret.js';
import { WaymarkError } from '../util/errors.js';
import type { ServerConnection } from './connection.js';
import type { Account, Instance } from './instance.js';
import { quoteName } from './quote.js';
import { errorNumberOf } from './server-error.js';

/** Where tables of our own are: a server, a schema, and perhaps an account for them alone. */
export type TablesConfig = {
  readonly server: Address;
  readonly schema: string;
  readonly user?: string | undefined;
  readonly password?: Secret | undefined;
};

/** The server of our tables, with the account for it: the one of the streams unless there is one of its own. */
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

/** ER_NO_SUCH_TABLE, ER_BAD_DB_ERROR, ER_BAD_FIELD_ERROR (MySQL 8.0 Error Reference; MariaDB has the same). */
const missingNumbers = new Set([1146, 1049, 1054]);

/** Whether the server says that the schema, the table or a column isn't there. */
function isMissing(error: unknown): boolean {
  return missingNumbers.has(errorNumberOf(error) ?? 0);
}

/**
 * The error of whoever can't use a table of our own.
 * @param what what is kept there, for messages.
 * @param why an error that the server has caused, or a reason of our own.
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
    ? 'waymark check prints the statements that make the table, and waymark check --fix runs them.'
    : `Check that ${server} runs and lets us in.`;
  const reason = typeof why === 'string' ? why : why.message;
  return new WaymarkError(code, `${what} on ${server} can't be used: ${reason}. ${advice}`, {
    details: { server, ...details },
    ...(typeof why === 'string' ? {} : { cause: why }),
  });
}

/** A table of our own, as it must be. */
export type OwnTable = {
  readonly schema: string;
  readonly table: string;
  /** The statement that makes it. */
  readonly sql: string;
};

/** What isn't there, and the statements that make it. */
export type MissingTable = { readonly definition: OwnTable; readonly statements: readonly string[] };

/** Those of the tables that aren't there, or that this account can't see. */
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
