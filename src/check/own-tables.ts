import { checkpointTable } from '../checkpoint/checkpoint-table.js';
import { formatAddress } from '../config/address.js';
import type { Config } from '../config/schema.js';
import { electionTable } from '../election/election-sql.js';
import type { ServerConnection } from '../mysql/connection.js';
import type { Account, Instance } from '../mysql/instance.js';
import { quoteName, quoteTable } from '../mysql/quote.js';
import { serverTextOf } from '../mysql/server-error.js';
import {
  type MissingTable,
  missingTables,
  type OwnTable,
  type TablesConfig,
  tablesInstance,
} from '../mysql/own-tables.js';
import { TableLink } from '../mysql/table-link.js';
import { hasCode, messageOf, WaymarkError } from '../util/errors.js';
import { errorFinding, marked } from './start-verdict.js';
import type { CheckFinding } from './check-finding.js';
import type { AnswerLimit } from './answer-limit.js';

/** Which of our own tables. */
type Purpose = 'checkpoint' | 'election';

/** A table, the server that it belongs to, and how both are called in messages. */
type Wanted = { readonly instance: Instance; readonly definition: OwnTable; readonly place: string };

/** What a table is used by, each as a statement that is explained and not run: that takes the same privileges. */
const uses: Readonly<Record<Purpose, readonly ((table: string) => string)[]>> = {
  checkpoint: [insertInto, update],
  election: [insertInto, update, deleteFrom],
};

/**
 * Looks whether one of our own tables is there and may be used. Changes nothing.
 * @throws the signal's reason when it fires.
 */
export async function tableFindings(
  purpose: Purpose,
  tables: TablesConfig,
  account: Account,
  limits: AnswerLimit,
): Promise<CheckFinding[]> {
  const wanted = wantedTable(purpose, tables, account);
  return onTable(wanted, limits, async (connection) => {
    const [missing] = await missingTables(connection, [wanted.definition]);
    if (missing !== undefined) return [missingFinding(wanted, missing)];
    return grantFindings(connection, purpose, wanted);
  });
}

/** What of our tables a configuration wants was made, and what was in the way of it. */
export type MadeTables = { readonly created: readonly string[]; readonly findings: readonly CheckFinding[] };

/**
 * Makes those of our own tables that the configuration wants and that aren't there.
 * @throws the signal's reason when it fires.
 */
export async function makeTables(
  { checkpoint, election }: Config,
  account: Account,
  limits: AnswerLimit,
): Promise<MadeTables> {
  const wanted = [
    ...(checkpoint.store === 'mysql' ? [wantedTable('checkpoint', checkpoint, account)] : []),
    ...(election.backend === 'mysql' ? [wantedTable('election', election, account)] : []),
  ];
  const created: string[] = [];
  const findings: CheckFinding[] = [];
  for (const table of wanted) {
    const failed = await onTable(table, limits, async (connection) => {
      const [missing] = await missingTables(connection, [table.definition]);
      for (const statement of missing?.statements ?? []) await connection.run(statement);
      if (missing !== undefined) created.push(table.place);
      return [];
    });
    findings.push(...failed);
  }
  return { created, findings };
}

function wantedTable(purpose: Purpose, tables: TablesConfig, account: Account): Wanted {
  const instance = tablesInstance(tables, account);
  const definition = purpose === 'checkpoint' ? checkpointTable(tables.schema) : electionTable(tables.schema);
  const place = `${definition.schema}.${definition.table} on ${formatAddress(instance.address)}`;
  return { instance, definition, place };
}

async function onTable(
  { instance, place }: Wanted,
  { signal, limitMs }: AnswerLimit,
  action: (connection: ServerConnection) => Promise<CheckFinding[]>,
): Promise<CheckFinding[]> {
  const link = new TableLink(instance);
  try {
    return await link.run(limitMs, signal, action);
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof WaymarkError)) throw error;
    const { code } = error;
    const message = `The table ${place} can't be checked or created: ${messageOf(error)}`;
    const fix =
      'Make sure that the server runs and accepts this account. Creating the table needs CREATE on the schema';
    return [errorFinding(error, code, message, fix)];
  } finally {
    await link.close();
  }
}

function missingFinding({ place }: Wanted, { statements }: MissingTable): CheckFinding {
  return marked({
    server: null,
    severity: 'error',
    code: 'missing-table',
    message: `There is no table ${place}, or this account can't see it`,
    fix: `waymark check --fix creates it (with an account that may). Or run there:\n${statements.join(';\n')};`,
  });
}

async function grantFindings(
  connection: ServerConnection,
  purpose: Purpose,
  { definition, instance, place }: Wanted,
): Promise<CheckFinding[]> {
  const table = quoteTable(definition.schema, definition.table);
  for (const use of uses[purpose]) {
    try {
      await connection.query(`EXPLAIN ${use(table)}`);
    } catch (error) {
      if (!hasCode(error, 'missing-grant')) throw error;
      const { user } = instance.account;
      return [
        marked({
          server: null,
          severity: 'error',
          code: 'missing-grant',
          message: `The account "${user}" may not use the table ${place}: ${serverTextOf(error)}`,
          fix: `There: GRANT SELECT, INSERT, UPDATE, DELETE ON ${quoteName(definition.schema)}.* TO that account`,
        }),
      ];
    }
  }
  return [];
}

function insertInto(table: string): string {
  return `INSERT INTO ${table} (stream) VALUES ('')`;
}

function update(table: string): string {
  return `UPDATE ${table} SET stream = stream WHERE stream = ''`;
}

function deleteFrom(table: string): string {
  return `DELETE FROM ${table} WHERE stream = ''`;
}
