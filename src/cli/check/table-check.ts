import { checkpointTable } from '../../checkpoint/mysql-table.js';
import { formatAddress } from '../../config/address.js';
import type { Config } from '../../config/schema.js';
import { electionTable } from '../../election/mysql-table.js';
import type { Account, Instance } from '../../mysql/instance.js';
import {
  type MissingTable,
  missingTables,
  type TableDefinition,
  TableLink,
  tablesInstance,
} from '../../mysql/tables.js';
import { messageOf, WaymarkError } from '../../util/errors.js';
import type { CheckFinding } from './findings.js';

/** The tables that the configuration wants, checked. */
export type TableCheck = {
  readonly findings: readonly CheckFinding[];
  /** Those that were made. */
  readonly created: readonly string[];
};

/** A table, and the server that it belongs to. */
type Wanted = { readonly instance: Instance; readonly definition: TableDefinition };

const limitMs = 10_000;

/** Looks whether our own tables are there, where the configuration wants any; with `fix` makes those that aren't. */
export async function checkTables(
  config: Config,
  account: Account,
  { fix, signal }: { fix: boolean; signal: AbortSignal },
): Promise<TableCheck> {
  const checks: TableCheck[] = [];
  for (const wanted of wantedTables(config, account)) checks.push(await checkTable(wanted, fix, signal));
  return {
    findings: checks.flatMap(({ findings }) => findings),
    created: checks.flatMap(({ created }) => created),
  };
}

function wantedTables({ checkpoint, election }: Config, account: Account): readonly Wanted[] {
  const wanted: Wanted[] = [];
  if (checkpoint.store === 'mysql') {
    const definition = checkpointTable(checkpoint.schema);
    wanted.push({ instance: tablesInstance(checkpoint, account), definition });
  }
  if (election.backend === 'mysql') {
    const definition = electionTable(election.schema);
    wanted.push({ instance: tablesInstance(election, account), definition });
  }
  return wanted;
}

async function checkTable(
  { instance, definition }: Wanted,
  fix: boolean,
  signal: AbortSignal,
): Promise<TableCheck> {
  const place = `${definition.schema}.${definition.table} on ${formatAddress(instance.address)}`;
  const link = new TableLink(instance);
  try {
    return await link.run(limitMs, signal, async (connection) => {
      const [missing] = await missingTables(connection, [definition]);
      if (missing === undefined) return { findings: [], created: [] };
      if (!fix) return { findings: [missingFinding(place, missing)], created: [] };
      for (const statement of missing.statements) await connection.run(statement);
      return { findings: [], created: [place] };
    });
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof WaymarkError)) throw error;
    return { findings: [failureFinding(place, error)], created: [] };
  } finally {
    await link.close();
  }
}

function missingFinding(place: string, { statements }: MissingTable): CheckFinding {
  return {
    server: null,
    severity: 'error',
    code: 'missing-table',
    message: `There is no table ${place}, or this account can't see it`,
    fix: `waymark check --fix makes it (with an account that may); or run there:\n${statements.join(';\n')};`,
  };
}

function failureFinding(place: string, error: WaymarkError): CheckFinding {
  return {
    server: null,
    severity: 'error',
    code: error.code,
    message: `The table ${place} can't be looked at or made: ${messageOf(error)}`,
    fix: 'See that the server runs and lets this account in; making the table takes CREATE on the schema',
  };
}
