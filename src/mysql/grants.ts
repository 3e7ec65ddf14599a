/** What an account may do, as SHOW GRANTS tells it. That includes active roles if the server lists them. */
export type Grants = {
  /** Whether the account has a privilege on everything (`*.*`): by its own name, or as part of ALL PRIVILEGES. */
  has(privilege: string): boolean;
  /** Whether the account can see columns of tables in a schema. It needs a privilege on the schema or a table in it. */
  seesColumnsIn(schema: string): boolean;
  /** Whether the account can see columns of any table. */
  readonly seesSomeColumns: boolean;
};

type Scope = { readonly schema: string; readonly literal: boolean };

/** Privileges that make a column visible in INFORMATION_SCHEMA.COLUMNS. */
const columnPrivileges = ['SELECT', 'INSERT', 'UPDATE', 'REFERENCES', 'ALL', 'ALL PRIVILEGES'];

const name = '(?:`(?:[^`]|``)*`|"(?:[^"]|"")*"|\\*)';
const grantLine = new RegExp(`^GRANT\\s+(.+?)\\s+ON\\s+(?:TABLE\\s+)?(${name})\\.(${name})\\s+TO\\s`, 's');

/**
 * Parses the lines of SHOW GRANTS. Skips lines that grant a role, a routine or a proxy: nothing here depends on them.
 */
export function parseGrants(lines: readonly string[]): Grants {
  const everywhere = new Set<string>();
  const scopes: Scope[] = [];
  for (const line of lines) {
    const [, list, schema, table] = grantLine.exec(line) ?? [];
    if (list === undefined || schema === undefined || table === undefined) continue;
    const privileges = splitPrivileges(list);
    if (schema === '*') for (const privilege of privileges) everywhere.add(privilege);
    else if (privileges.some((privilege) => columnPrivileges.includes(privilege))) {
      scopes.push({ schema: unquote(schema), literal: table !== '*' });
    }
  }
  const seesAll = columnPrivileges.some((privilege) => everywhere.has(privilege));
  return {
    has: (privilege) =>
      everywhere.has(privilege) || everywhere.has('ALL PRIVILEGES') || everywhere.has('ALL'),
    seesColumnsIn: (schema) => seesAll || scopes.some((scope) => covers(scope, schema)),
    seesSomeColumns: seesAll || scopes.length > 0,
  };
}

/** Splits `SELECT (a, b), REPLICATION SLAVE` into `SELECT` and `REPLICATION SLAVE`. */
function splitPrivileges(list: string): string[] {
  return list
    .replace(/\([^)]*\)/g, '')
    .split(',')
    .map((privilege) => privilege.trim().toUpperCase());
}

function unquote(quoted: string): string {
  const mark = quoted.charAt(0);
  return quoted.slice(1, -1).replaceAll(mark + mark, mark);
}

/**
 * Whether a grant covers a schema. In a grant on a whole schema, `_` and `%` in its name are wildcards unless a
 * backslash precedes them.
 */
function covers({ schema, literal }: Scope, wanted: string): boolean {
  if (literal) return schema === wanted;
  const pattern = schema.replace(/\\([\s\S])|([%_])|([^\w\s])/g, (_all, escaped, wildcard, special) => {
    if (typeof wildcard === 'string') return wildcard === '%' ? '[\\s\\S]*' : '[\\s\\S]';
    const plain = typeof escaped === 'string' ? escaped : String(special);
    return plain.replace(/\W/, '\\$&');
  });
  return new RegExp(`^${pattern}$`).test(wanted);
}
