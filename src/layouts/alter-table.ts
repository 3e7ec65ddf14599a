import type { TableName } from '../binlog/rows-event.js';
import type { Vendor } from '../mysql/version.js';
import type { ColumnChange } from './alteration.js';
import {
  isAtIndex,
  passIndex,
  readCharset,
  readCollation,
  readColumnDefinition,
  readUnnamedColumn,
  skipElement,
} from './column-definition.js';
import { isOneOf, NotUnderstood, type DdlTokens } from './ddl-tokens.js';

/** What an ALTER TABLE does. */
export type Alterations = {
  readonly changes: readonly ColumnChange[];
  readonly renamedTo: TableName | null;
  /**
   * Other tables in the statement, where partitions become tables or the reverse. Their new columns are not
   * worked out.
   */
  readonly others: readonly TableName[];
};

type Draft = { changes: ColumnChange[]; renamedTo: TableName | null; others: TableName[] };

/** MariaDB: how long to wait for locks. */
export function passWait(tokens: DdlTokens): void {
  if (tokens.take('WAIT')) tokens.next();
  else tokens.take('NOWAIT');
}

/**
 * Reads an ALTER TABLE after the table's name.
 * @throws NotUnderstood if it does something unknown, so that the table's columns may have changed in any way.
 */
export function readAlterations(tokens: DdlTokens, vendor: Vendor, readTable: () => TableName): Alterations {
  passWait(tokens);
  const draft: Draft = { changes: [], renamedTo: null, others: [] };
  if (tokens.isAtEnd()) return draft;
  do {
    readPart(tokens, vendor, readTable, draft);
  } while (tokens.takeMark(','));
  if (!tokens.isAtEnd()) throw new NotUnderstood('something follows');
  return draft;
}

function readPart(tokens: DdlTokens, vendor: Vendor, readTable: () => TableName, draft: Draft): void {
  if (tokens.take('ADD')) readAdd(tokens, vendor, draft);
  else if (tokens.take('DROP')) readDrop(tokens, draft);
  else if (tokens.take('CHANGE')) {
    tokens.take('COLUMN');
    const ifExists = tokens.take('IF', 'EXISTS');
    const from = tokens.name();
    draft.changes.push({ kind: 'change', from, defined: readColumnDefinition(tokens, vendor), ifExists });
  } else if (tokens.take('MODIFY')) {
    tokens.take('COLUMN');
    const ifExists = tokens.take('IF', 'EXISTS');
    const from = tokens.name();
    draft.changes.push({ kind: 'change', from, defined: readUnnamedColumn(tokens, vendor, from), ifExists });
  } else if (tokens.take('RENAME')) readRename(tokens, readTable, draft);
  else if (tokens.take('CONVERT')) readConvert(tokens, readTable, draft);
  else if (tokens.take('EXCHANGE')) readPartitions(tokens, readTable, draft);
  // Of defaults, visibility, constraints.
  else if (tokens.take('ALTER')) skipElement(tokens);
  else readOptions(tokens, draft);
}

function readAdd(tokens: DdlTokens, vendor: Vendor, { changes }: Draft): void {
  if (tokens.isAt('PARTITION')) {
    skipToEnd(tokens);
    return;
  }
  if (isAtIndex(tokens)) {
    if (tokens.isAt('PERIOD')) throw new NotUnderstood('a period');
    readIndex(tokens, changes);
    return;
  }
  if (tokens.isAt('SYSTEM', 'VERSIONING')) throw new NotUnderstood('versioning adds columns');
  tokens.take('COLUMN');
  const unlessExists = tokens.take('IF', 'NOT', 'EXISTS');
  if (!tokens.takeMark('(')) {
    changes.push({ kind: 'add', defined: readColumnDefinition(tokens, vendor), unlessExists });
    return;
  }
  do {
    if (isAtIndex(tokens)) readIndex(tokens, changes);
    else changes.push({ kind: 'add', defined: readColumnDefinition(tokens, vendor), unlessExists });
  } while (tokens.takeMark(','));
  if (!tokens.takeMark(')')) throw new NotUnderstood('the columns have no end');
}

function readIndex(tokens: DdlTokens, changes: ColumnChange[]): void {
  const primary = passIndex(tokens);
  if (primary !== null) changes.push({ kind: 'key', ...primary });
}

const droppedBesides: ReadonlySet<string> = new Set([
  ...['INDEX', 'KEY', 'PRIMARY', 'FOREIGN', 'CONSTRAINT', 'CHECK'],
]);

function readDrop(tokens: DdlTokens, { changes }: Draft): void {
  if (tokens.isAt('PARTITION')) {
    skipToEnd(tokens);
    return;
  }
  if (isOneOf(tokens.peek(), droppedBesides)) {
    // DROP PRIMARY KEY, DROP INDEX `PRIMARY`.
    const isPrimary = skipElement(tokens).some(({ text }) => text.toUpperCase() === 'PRIMARY');
    if (isPrimary) changes.push({ kind: 'key', columns: [] });
    return;
  }
  if (tokens.isAt('SYSTEM', 'VERSIONING') || tokens.isAt('PERIOD', 'FOR')) {
    throw new NotUnderstood('versioning has columns of its own');
  }
  tokens.take('COLUMN');
  const ifExists = tokens.take('IF', 'EXISTS');
  changes.push({ kind: 'drop', column: tokens.name(), ifExists });
  if (!tokens.take('RESTRICT')) tokens.take('CASCADE');
}

function readRename(tokens: DdlTokens, readTable: () => TableName, draft: Draft): void {
  if (tokens.take('COLUMN')) {
    const ifExists = tokens.take('IF', 'EXISTS');
    const from = tokens.name();
    if (!tokens.take('TO')) throw new NotUnderstood('a new name is missing');
    draft.changes.push({ kind: 'rename', from, to: tokens.name(), ifExists });
  } else if (tokens.isAt('INDEX') || tokens.isAt('KEY')) skipElement(tokens);
  else {
    if (!tokens.take('TO') && !tokens.take('AS')) tokens.takeMark('=');
    draft.renamedTo = readTable();
  }
}

function readConvert(tokens: DdlTokens, readTable: () => TableName, draft: Draft): void {
  if (!tokens.take('TO')) {
    readPartitions(tokens, readTable, draft);
    return;
  }
  if (!tokens.take('CHARACTER', 'SET') && !tokens.take('CHARSET'))
    throw new NotUnderstood('CONVERT TO what?');
  draft.changes.push({ kind: 'convert', charset: readCharset(tokens) });
  if (tokens.take('COLLATE')) readCollation(tokens);
}

/** EXCHANGE PARTITION … WITH TABLE t, CONVERT PARTITION … TO TABLE t, CONVERT TABLE t TO PARTITION … */
function readPartitions(tokens: DdlTokens, readTable: () => TableName, { others }: Draft): void {
  while (!tokens.take('TABLE')) {
    if (tokens.isAtEnd()) throw new NotUnderstood('a table is missing');
    tokens.next();
  }
  others.push(readTable());
  skipToEnd(tokens);
}

/** What begins a part that is about partitions, and can have commas of its own. */
const partitionWords: ReadonlySet<string> = new Set([
  ...['PARTITION', 'REMOVE', 'REBUILD', 'REORGANIZE', 'COALESCE', 'ANALYZE', 'CHECK', 'OPTIMIZE', 'REPAIR'],
  ...['TRUNCATE', 'DISCARD', 'IMPORT'],
]);

/** What else may begin a part that leaves the columns as they are. */
const otherWords: ReadonlySet<string> = new Set([
  ...['FORCE', 'DISABLE', 'ENABLE', 'LOCK', 'ALGORITHM', 'WITH', 'WITHOUT', 'DATA', 'INDEX', 'DEFAULT'],
  ...['CHARACTER', 'CHARSET', 'COLLATE', 'ENGINE', 'COMMENT', 'AUTO_INCREMENT', 'ROW_FORMAT', 'TABLESPACE'],
  ...['SECONDARY_LOAD', 'SECONDARY_UNLOAD'],
]);

function readOptions(tokens: DdlTokens, { changes }: Draft): void {
  const first = tokens.peek();
  if (isOneOf(first, partitionWords)) {
    skipToEnd(tokens);
    return;
  }
  const { kind, text } = tokens.peek(1);
  const isOption = first.kind === 'word' && kind === 'mark' && text === '=';
  if (!isOption && !isOneOf(first, otherWords)) throw new NotUnderstood(`${first.text} isn't known`);
  if (tokens.isAt('WITH', 'SYSTEM')) throw new NotUnderstood('versioning adds columns');
  let charset: string | null = null;
  let collation: string | null = null;
  while (!tokens.isAtEnd() && !tokens.isAtMark(',')) {
    if (tokens.isAtMark('(')) tokens.skipParentheses();
    else if (tokens.take('CHARACTER', 'SET') || tokens.take('CHARSET')) charset = readCharset(tokens);
    else if (tokens.take('COLLATE')) collation = readCollation(tokens);
    else if (isOneOf(tokens.peek(), partitionWords) && tokens.isAt('PARTITION')) skipToEnd(tokens);
    else tokens.next();
  }
  const said = charset ?? collation;
  if (said !== null) changes.push({ kind: 'default-charset', charset: said });
}

function skipToEnd(tokens: DdlTokens): void {
  while (!tokens.isAtEnd()) tokens.next();
}
