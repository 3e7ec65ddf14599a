import { beginningOf, type SqlQuoting, withoutExecutionMarks } from '../sql/text.js';
import type { LoggedStatement, Statement } from '../binlog/query-event.js';
import { textOfStatement } from '../decode/statement-text.js';
import type { TableName } from '../binlog/rows-event.js';
import type { Vendor } from '../mysql/version.js';
import { type ColumnChange, inTable } from './alteration.js';
import { passWait, readAlterations } from './alter-table.js';
import {
  type DefinedKey,
  isAtIndex,
  passIndex,
  readCharset,
  readCollation,
  readColumnDefinition,
} from './column-definition.js';
import { isOneOf, NotUnderstood, DdlTokens } from './ddl-tokens.js';
import { keyAmong, type TableDefinition, unsaidCharset } from './table-definition.js';

/** What a statement does to a table's columns or name. */
export type TableChange =
  | {
      readonly kind: 'created';
      readonly table: TableName;
      readonly definition: TableDefinition;
      readonly unlessExists: boolean;
    }
  | {
      readonly kind: 'copied';
      readonly table: TableName;
      readonly from: TableName;
      readonly unlessExists: boolean;
    }
  | { readonly kind: 'altered'; readonly table: TableName; readonly changes: readonly ColumnChange[] }
  | { readonly kind: 'renamed'; readonly table: TableName; readonly to: TableName }
  | { readonly kind: 'dropped'; readonly table: TableName }
  /** It changed in a way that waymark doesn't understand. */
  | { readonly kind: 'changed'; readonly table: TableName };

/** What a statement can do to tables. */
export type StatementEffect =
  /** In this order. */
  | { readonly kind: 'tables'; readonly changes: readonly TableChange[] }
  | { readonly kind: 'schema-dropped'; readonly schema: string }
  /** It was created, or got another default character set. */
  | { readonly kind: 'schema-changed'; readonly schema: string; readonly charset: string }
  /** Unknown: any table may have changed. */
  | { readonly kind: 'anything' };

const nothing: StatementEffect = { kind: 'tables', changes: [] };

/** Length of the beginning of a statement that tells its kind. */
const beginningLength = 1000;
/** A longer statement that may concern tables isn't parsed. */
const longestStatement = 1024 * 1024;

/**
 * Statements that don't change columns of tables. Between the verb and the kind there may be a long
 * `DEFINER=…`.
 */
const harmless: readonly RegExp[] = [
  /^(?:INSERT|UPDATE|DELETE|REPLACE|LOAD|SELECT|TRUNCATE|GRANT|REVOKE|FLUSH|ANALYZE|OPTIMIZE|REPAIR|CHECKSUM)\b/i,
  /^(?:BEGIN|COMMIT|ROLLBACK|SAVEPOINT|RELEASE|XA|SET (?:PASSWORD|DEFAULT ROLE)|INSTALL|UNINSTALL|LOCK|UNLOCK)\b/i,
  /^(?:CREATE|DROP|ALTER)(?: OR REPLACE)?(?: ONLINE| OFFLINE)?(?: UNIQUE| FULLTEXT| SPATIAL| VECTOR)? INDEX\b/i,
  /^(?:CREATE|DROP|ALTER)(?: OR REPLACE)?(?: AGGREGATE)? (?:VIEW|TRIGGER|PROCEDURE|FUNCTION|EVENT|PACKAGE|USER|ROLE)\b/i,
  /^(?:CREATE|DROP|ALTER)(?: OR REPLACE)? (?:SERVER|SEQUENCE|LIBRARY|(?:UNDO )?TABLESPACE|LOGFILE GROUP)\b/i,
  /^(?:CREATE|DROP)(?: OR REPLACE)? TEMPORARY (?:TABLE|SEQUENCE)\b/i,
  /^RENAME USER\b/i,
];

/** The primary key is an index of that name. */
const dropsPrimaryKey = /^DROP(?: ONLINE| OFFLINE)? INDEX(?: IF EXISTS)? ?[`"]?PRIMARY\b/i;

/** CREATE, ALTER with a definer before what is made. */
const definer =
  /^(?:CREATE|ALTER)(?: OR REPLACE)?(?: ALGORITHM ?= ?\w+)? DEFINER ?= ?\S+(?: ?@ ?\S+)?(?: SQL SECURITY \w+)?(?: AGGREGATE)? (?:VIEW|TRIGGER|PROCEDURE|FUNCTION|EVENT|PACKAGE)\b/i;
const algorithm = /^(?:CREATE|ALTER)(?: OR REPLACE)? (?:ALGORITHM ?= ?\w+ ?)?(?:SQL SECURITY \w+ )?VIEW\b/i;

/**
 * What a statement does to tables, as far as its text says. If the text isn't exact, it may have changed any
 * table.
 */
export function effectOf(statement: LoggedStatement, vendor: Vendor): StatementEffect {
  const { text, isSure } = textOfStatement(statement);
  const quoting = statement.session?.quoting ?? null;
  const effect = effectOfText({ schema: statement.schema, sql: text }, vendor, quoting);
  if (effect.kind === 'tables' && effect.changes.length === 0) return effect;
  return isSure ? effect : { kind: 'anything' };
}

function effectOfText(statement: Statement, vendor: Vendor, quoting: SqlQuoting | null): StatementEffect {
  const beginning = withoutExecutionMarks(beginningOf(statement.sql, beginningLength));
  if (!dropsPrimaryKey.test(beginning) && harmless.some((pattern) => pattern.test(beginning))) return nothing;
  if (definer.test(beginning) || algorithm.test(beginning)) return nothing;
  if (statement.sql.length > longestStatement) return { kind: 'anything' };
  const executed = new DdlTokens(statement.sql, true, quoting);
  const effect = readEffect(executed, statement.schema, vendor);
  if (!executed.hasExecutedComments) return effect;
  // Whether the server that wrote the log has executed them depends on its version.
  const skipped = readEffect(new DdlTokens(statement.sql, false, quoting), statement.schema, vendor);
  return JSON.stringify(effect) === JSON.stringify(skipped) ? effect : vaguer(effect, skipped);
}

/** Merges two readings of a statement: the tables of both have changed. */
function vaguer(one: StatementEffect, other: StatementEffect): StatementEffect {
  if (one.kind !== 'tables' || other.kind !== 'tables') return { kind: 'anything' };
  const tables = [...one.changes, ...other.changes].flatMap(tablesOf);
  return { kind: 'tables', changes: tables.map((table) => ({ kind: 'changed', table })) };
}

/** The tables whose columns or name a change is about. */
export function tablesOf(change: TableChange): TableName[] {
  return change.kind === 'renamed' ? [change.table, change.to] : [change.table];
}

function readEffect(tokens: DdlTokens, schema: string, vendor: Vendor): StatementEffect {
  try {
    return readStatement(tokens, schema, vendor);
  } catch (error) {
    if (error instanceof NotUnderstood) return { kind: 'anything' };
    throw error;
  }
}

/** Variables that decide how a statement reads, or what it leaves to a default. */
const tellingVariable = /^(?:sql_mode|old_mode|character_set|collation)/i;

function readStatement(tokens: DdlTokens, schema: string, vendor: Vendor): StatementEffect {
  // MariaDB logs it whole.
  if (tokens.take('SET', 'STATEMENT')) {
    let isTelling = false;
    while (!tokens.take('FOR')) {
      if (tokens.isAtEnd()) throw new NotUnderstood('SET STATEMENT has no statement');
      const { text } = tokens.next();
      isTelling ||= tellingVariable.test(text);
    }
    if (tokens.isAt('SET')) throw new NotUnderstood('SET STATEMENT stands in SET STATEMENT');
    const effect = readStatement(tokens, schema, vendor);
    return isTelling ? vaguer(effect, nothing) : effect;
  }
  const changes = readTableStatement(tokens, schema, vendor);
  if (changes !== null) return { kind: 'tables', changes };
  if (tokens.take('DROP', 'DATABASE') || tokens.take('DROP', 'SCHEMA')) {
    tokens.take('IF', 'EXISTS');
    return { kind: 'schema-dropped', schema: tokens.name() };
  }
  if (tokens.take('CREATE')) {
    tokens.take('OR', 'REPLACE');
    const isSchema = tokens.take('DATABASE') || tokens.take('SCHEMA');
    if (isSchema) return readSchema(tokens, schema, tokens.take('IF', 'NOT', 'EXISTS'));
  }
  if (tokens.take('ALTER', 'DATABASE') || tokens.take('ALTER', 'SCHEMA')) {
    return readSchema(tokens, schema, false);
  }
  return { kind: 'anything' };
}

const schemaOptions: ReadonlySet<string> = new Set([
  ...['DEFAULT', 'CHARACTER', 'CHARSET', 'COLLATE', 'ENCRYPTION', 'COMMENT', 'READ'],
]);

function readSchema(tokens: DdlTokens, schema: string, unlessExists: boolean): StatementEffect {
  const isDefault = tokens.isAtEnd() || isOneOf(tokens.peek(), schemaOptions);
  const name = isDefault ? schema : tokens.name();
  const { charset } = readOptions(tokens);
  return {
    kind: 'schema-changed',
    schema: name,
    charset: unlessExists ? unsaidCharset.unknown : (charset ?? unsaidCharset.unknown),
  };
}

/** Null if the statement doesn't concern tables. */
function readTableStatement(tokens: DdlTokens, schema: string, vendor: Vendor): TableChange[] | null {
  if (tokens.isAt('CREATE', 'TABLE') || tokens.isAt('CREATE', 'OR'))
    return readCreate(tokens, schema, vendor);
  if (tokens.take('DROP', 'TABLE') || tokens.take('DROP', 'TABLES')) {
    tokens.take('IF', 'EXISTS');
    return readNames(tokens, schema).map((table) => ({ kind: 'dropped', table }));
  }
  if (tokens.take('RENAME', 'TABLE') || tokens.take('RENAME', 'TABLES')) return readRenames(tokens, schema);
  if (tokens.isAt('DROP')) return readDropIndex(tokens, schema);
  if (!tokens.isAt('ALTER')) return null;
  let at = 1;
  while (isOneOf(tokens.peek(at), alterWords)) at += 1;
  if (!isOneOf(tokens.peek(at), tableWord)) return null;
  for (; at >= 0; at -= 1) tokens.next();
  tokens.take('IF', 'EXISTS');
  const table = readTableName(tokens, schema);
  return understood(table, () => {
    const { changes, renamedTo, others } = readAlterations(tokens, vendor, () =>
      readTableName(tokens, schema),
    );
    if (others.length > 0) return [table, ...others].map((one) => ({ kind: 'changed', table: one }));
    const result: TableChange[] = [];
    if (changes.length > 0) result.push({ kind: 'altered', table, changes });
    if (renamedTo !== null) result.push({ kind: 'renamed', table, to: renamedTo });
    return result;
  });
}

/** DROP INDEX … ON …, of a primary key. */
function readDropIndex(tokens: DdlTokens, schema: string): TableChange[] | null {
  let at = 1;
  while (isOneOf(tokens.peek(at), alterWords)) at += 1;
  if (!isOneOf(tokens.peek(at), indexWord)) return null;
  while (!tokens.take('ON')) {
    if (tokens.isAtEnd()) throw new NotUnderstood('an index has no table');
    tokens.next();
  }
  const table = readTableName(tokens, schema);
  return [{ kind: 'altered', table, changes: [{ kind: 'key', columns: [] }] }];
}

const indexWord: ReadonlySet<string> = new Set(['INDEX']);
const alterWords: ReadonlySet<string> = new Set(['ONLINE', 'OFFLINE', 'IGNORE']);
const tableWord: ReadonlySet<string> = new Set(['TABLE']);

/** The effect that was read. If the statement isn't understood, the effect is that the table has changed. */
function understood(table: TableName, read: () => TableChange[]): TableChange[] {
  try {
    return read();
  } catch (error) {
    if (error instanceof NotUnderstood) return [{ kind: 'changed', table }];
    throw error;
  }
}

function readTableName(tokens: DdlTokens, schema: string): TableName {
  const first = tokens.name();
  if (tokens.takeMark('.')) return { schema: first, table: tokens.name() };
  if (schema === '') throw new NotUnderstood('a table has no schema');
  return { schema, table: first };
}

function readNames(tokens: DdlTokens, schema: string): TableName[] {
  const names = [readTableName(tokens, schema)];
  while (tokens.takeMark(',')) names.push(readTableName(tokens, schema));
  return names;
}

function readRenames(tokens: DdlTokens, schema: string): TableChange[] {
  const changes: TableChange[] = [];
  tokens.take('IF', 'EXISTS');
  do {
    const table = readTableName(tokens, schema);
    passWait(tokens);
    if (!tokens.take('TO')) throw new NotUnderstood('a new name is missing');
    changes.push({ kind: 'renamed', table, to: readTableName(tokens, schema) });
  } while (tokens.takeMark(','));
  return changes;
}

function readCreate(tokens: DdlTokens, schema: string, vendor: Vendor): TableChange[] | null {
  const replaces = tokens.isAt('CREATE', 'OR', 'REPLACE', 'TABLE');
  if (!replaces && !tokens.isAt('CREATE', 'TABLE')) return null;
  for (let left = replaces ? 4 : 2; left > 0; left -= 1) tokens.next();
  const unlessExists = tokens.take('IF', 'NOT', 'EXISTS');
  const table = readTableName(tokens, schema);
  return understood(table, () => {
    const like = readLike(tokens, schema);
    if (like !== null) return [{ kind: 'copied', table, from: like, unlessExists }];
    return [{ kind: 'created', table, definition: readDefinition(tokens, vendor), unlessExists }];
  });
}

function readLike(tokens: DdlTokens, schema: string): TableName | null {
  const inParentheses = tokens.isAtMark('(') && tokens.peek(1).text.toUpperCase() === 'LIKE';
  if (inParentheses && tokens.peek(1).kind === 'word') tokens.next();
  return tokens.take('LIKE') ? readTableName(tokens, schema) : null;
}

function readDefinition(tokens: DdlTokens, vendor: Vendor): TableDefinition {
  if (!tokens.takeMark('(')) throw new NotUnderstood('columns are missing');
  const columns = [];
  let key: DefinedKey = { columns: [] };
  do {
    if (isAtIndex(tokens)) key = passIndex(tokens) ?? key;
    else columns.push(readColumnDefinition(tokens, vendor));
  } while (tokens.takeMark(','));
  if (!tokens.takeMark(')')) throw new NotUnderstood('the columns have no end');
  const { charset } = readOptions(tokens);
  const defaultCharset = charset ?? unsaidCharset.ofSchema;
  if (columns.length === 0 || columns.some(({ place }) => place !== null)) {
    throw new NotUnderstood('no list of columns');
  }
  const own = columns.filter(({ isPrimary }) => isPrimary).map(({ column }) => column.name);
  const defined = columns.map(({ column }) => inTable(column, defaultCharset));
  return {
    columns: defined,
    defaultCharset,
    key: keyAmong(defined, own.length > 0 ? own : key.columns),
  };
}

/** After these words a table has other columns than the statement lists. */
const otherSources: ReadonlySet<string> = new Set([
  ...['SELECT', 'AS', 'WITH', 'LIKE', 'TABLE', 'VALUES', 'SYSTEM', 'IGNORE', 'REPLACE', 'UNION'],
]);

/** Options of a table or a schema, to the statement's end. */
function readOptions(tokens: DdlTokens): { readonly charset: string | null } {
  let charset: string | null = null;
  let collation: string | null = null;
  let isPartitioning = false;
  while (!tokens.isAtEnd()) {
    if (tokens.isAtMark('(')) tokens.skipParentheses();
    else if (tokens.take('CHARACTER', 'SET') || tokens.take('CHARSET')) charset = readCharset(tokens);
    else if (tokens.take('COLLATE')) collation = readCollation(tokens);
    else if (tokens.take('PARTITION')) isPartitioning = true;
    // PARTITION BY SYSTEM_TIME is one word.
    else if (isOneOf(tokens.peek(), otherSources) && !(isPartitioning && tokens.isAt('VALUES'))) {
      throw new NotUnderstood('its columns come from elsewhere, too');
    } else tokens.next();
  }
  return { charset: charset ?? collation };
}
