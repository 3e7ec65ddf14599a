import type { Vendor } from '../mysql/version.js';
import { isAtIndex, passIndex, passOver, readCheck } from './column-definition.js';
import { NotUnderstood, DdlTokens } from './ddl-tokens.js';

/** What only SHOW CREATE TABLE has, or has in an order that INFORMATION_SCHEMA lacks. */
export type ShownTable = {
  /** Columns with CHECK (json_valid(…)) of themselves. */
  readonly checkedJson: ReadonlySet<string>;
  /** See TableDefinition.key. */
  readonly key: readonly string[] | null;
};

/** sql_mode is empty where it is shown. */
const quoting = { ansiQuotes: false, noBackslashEscapes: false };

/**
 * Reads what SHOW CREATE TABLE shows.
 * @throws NotUnderstood if its form is unknown.
 */
export function readShownTable(sql: string, vendor: Vendor): ShownTable {
  const tokens = new DdlTokens(sql, true, quoting);
  while (!tokens.takeMark('(')) {
    if (tokens.isAtEnd()) throw new NotUnderstood('columns are missing');
    tokens.next();
  }
  const checkedJson = new Set<string>();
  let key: readonly string[] | null = [];
  do {
    if (isAtIndex(tokens)) {
      const primary = passIndex(tokens);
      if (primary !== null) key = primary.columns;
    } else {
      const name = tokens.name();
      passOver(tokens, () => {
        if (!tokens.isAt('CHECK')) return false;
        if (readCheck(tokens, name) === 'json') checkedJson.add(name);
        return true;
      });
    }
  } while (tokens.takeMark(','));
  if (!tokens.takeMark(')')) throw new NotUnderstood('the columns have no end');
  return { checkedJson, key: vendor === 'mariadb' && isVersioned(tokens) ? null : key };
}

/** WITH SYSTEM VERSIONING: MariaDB puts the end of a row's time into the primary key. */
function isVersioned(tokens: DdlTokens): boolean {
  for (; !tokens.isAtEnd(); tokens.next()) if (tokens.isAt('SYSTEM', 'VERSIONING')) return true;
  return false;
}
