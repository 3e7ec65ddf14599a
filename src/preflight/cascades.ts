import type { ServerConnection } from '../mysql/connection.js';
import { type Grants, parseGrants } from '../mysql/grants.js';
import { valueText } from '../mysql/server-facts.js';
import { isAtLeast, type ServerVersion } from '../mysql/version.js';

/** A foreign key that changes rows of its own table when rows of the referenced table change. */
export type Cascade = {
  /** `schema.table`, whose rows it changes. */
  readonly table: string;
  readonly schema: string;
  readonly name: string;
  readonly constraint: string;
  /** `schema.table` */
  readonly refersTo: string;
  /** For example `ON DELETE CASCADE`. */
  readonly rules: readonly string[];
};

/** A server's foreign keys whose changes are not in its binary log. */
export type UnloggedCascades = {
  readonly cascades: readonly Cascade[];
  /** Whether the account can see foreign keys. Without a privilege on a table it sees none of that table's. */
  readonly seen: boolean;
};

/**
 * Whether changes by foreign keys are in the binary log. Since MySQL 9.6 the server executes them itself, unless
 * InnoDB is told to. Changes by InnoDB are never in the binary log (MySQL 9.6 Reference Manual,
 * innodb_native_foreign_keys; MariaDB Knowledge Base, "Foreign Keys").
 */
export function logsCascades(version: ServerVersion, nativeForeignKeys: string): boolean {
  return version.vendor === 'mysql' && isAtLeast(version, 9, 6) && nativeForeignKeys.toUpperCase() !== 'ON';
}

const changingRules = new Set(['CASCADE', 'SET NULL', 'SET DEFAULT']);

/** Reads the foreign keys whose changes the server doesn't log. Null if it logs them. */
export async function readUnloggedCascades(
  connection: ServerConnection,
  version: ServerVersion,
): Promise<UnloggedCascades | null> {
  const [native] = await connection.query("SHOW GLOBAL VARIABLES LIKE 'innodb_native_foreign_keys'");
  if (logsCascades(version, valueText(native?.['Value']))) return null;
  const rows = await connection.query(
    'SELECT CONSTRAINT_SCHEMA AS s, TABLE_NAME AS t, CONSTRAINT_NAME AS c, UNIQUE_CONSTRAINT_SCHEMA AS rs, ' +
      'REFERENCED_TABLE_NAME AS rt, DELETE_RULE AS d, UPDATE_RULE AS u FROM information_schema.REFERENTIAL_CONSTRAINTS',
  );
  const cascades = rows
    .map((row) => ({
      table: `${valueText(row['s'])}.${valueText(row['t'])}`,
      schema: valueText(row['s']),
      name: valueText(row['t']),
      constraint: valueText(row['c']),
      refersTo: `${valueText(row['rs'])}.${valueText(row['rt'])}`,
      rules: [...ruleOf('DELETE', valueText(row['d'])), ...ruleOf('UPDATE', valueText(row['u']))],
    }))
    .filter(({ rules }) => rules.length > 0);
  if (rows.length > 0) return { cascades, seen: true };
  const grants = await connection.query('SHOW GRANTS');
  return {
    cascades,
    seen: showForeignKeys(parseGrants(grants.map((row) => valueText(Object.values(row)[0])))),
  };
}

function ruleOf(change: 'DELETE' | 'UPDATE', rule: string): string[] {
  return changingRules.has(rule) ? [`ON ${change} ${rule}`] : [];
}

/** One of these on everything shows all foreign keys; on MariaDB SELECT alone doesn't. */
function showForeignKeys(grants: Grants): boolean {
  return ['REFERENCES', 'SHOW VIEW', 'INSERT', 'TRIGGER', 'ALTER'].some((privilege) => grants.has(privilege));
}
