import type { Vendor } from '../mysql/version.js';
import type { DictionaryColumn } from '../decode/described-table.js';
import { charsetByName } from '../decode/charset.js';
import { isOneOf, NotUnderstood, type DdlToken, type DdlTokens } from './ddl-tokens.js';
import { charsetOfCollationName, isTextType, unsaidCharset } from './table-definition.js';

/** Placeholder for the character set of a column that inherits it from its table. */
export const charsetOfTable = '@table';

/** The position of a column. */
export type ColumnPlace = { readonly at: 'first' } | { readonly at: 'after'; readonly column: string };

/** A column as a statement defines it; its character set may be {@link charsetOfTable}. */
export type DefinedColumn = {
  readonly column: DictionaryColumn;
  readonly place: ColumnPlace | null;
  /** Whether its own definition makes it the primary key. */
  readonly isPrimary: boolean;
};

/** Other names of types (MySQL 8.4 Reference Manual, "Using Data Types from Other Database Engines", "Numeric Data Types"). */
const synonyms: Readonly<Record<string, string>> = {
  ...{ BOOL: 'tinyint', BOOLEAN: 'tinyint', INT1: 'tinyint', INT2: 'smallint', INT3: 'mediumint' },
  ...{
    MIDDLEINT: 'mediumint',
    INT4: 'int',
    INTEGER: 'int',
    INT8: 'bigint',
    DEC: 'decimal',
    FIXED: 'decimal',
  },
  ...{ NUMERIC: 'decimal', FLOAT4: 'float', FLOAT8: 'double', CHARACTER: 'char', NCHAR: 'char' },
  ...{ VARCHARACTER: 'varchar', NVARCHAR: 'varchar', GEOMCOLLECTION: 'geometrycollection' },
};

const plainTypes: ReadonlySet<string> = new Set([
  ...['tinyint', 'smallint', 'mediumint', 'int', 'bigint', 'decimal', 'float', 'double', 'real', 'bit'],
  ...['date', 'time', 'datetime', 'timestamp', 'year', 'char', 'varchar', 'binary', 'varbinary'],
  ...['tinytext', 'text', 'mediumtext', 'longtext', 'tinyblob', 'blob', 'mediumblob', 'longblob'],
  ...['geometry', 'point', 'linestring', 'polygon', 'multipoint', 'multilinestring', 'multipolygon'],
  ...['geometrycollection', 'json', 'uuid', 'inet4', 'inet6', 'vector'],
]);

/** After these words the column can't be worked out from the statement alone. */
const versioning: ReadonlySet<string> = new Set(['VERSIONING', 'REF_SYSTEM_ID']);

/** Reads `name type attributes`, up to a comma or the end of what encloses it. */
export function readColumnDefinition(tokens: DdlTokens, vendor: Vendor): DefinedColumn {
  const name = tokens.name();
  return readUnnamedColumn(tokens, vendor, name);
}

/** The same, where the name has been read. */
export function readUnnamedColumn(tokens: DdlTokens, vendor: Vendor, name: string): DefinedColumn {
  const { type, charset } = readType(tokens, vendor);
  const attributes = readAttributes(tokens, name);
  const own = charset ?? attributes.charset;
  if (charset !== null && attributes.charset !== null && attributes.charset !== charset) {
    throw new NotUnderstood('a column has two character sets');
  }
  const { isPrimary, place } = attributes;
  if (vendor === 'mariadb' && (type === 'json' || attributes.check === 'json')) {
    return { column: jsonOrText(name, type, own, attributes), place, isPrimary };
  }
  const unsigned = attributes.isUnsigned ? ' unsigned' : '';
  const said = isTextType(type) ? (own ?? charsetOfTable) : null;
  const column = { name, type: type + unsigned, charset: said === 'binary' ? null : said };
  return { column, place, isPrimary };
}

/**
 * MariaDB's JSON is LONGTEXT in utf8mb4_bin, with CHECK (json_valid(…)) unless it has a CHECK of its own; and what is
 * defined like this in full, as SHOW CREATE TABLE has it, is the same (MariaDB Server Documentation, "JSON Data Type").
 */
function jsonOrText(
  name: string,
  type: string,
  charset: string | null,
  { collation, check }: Attributes,
): DictionaryColumn {
  const isJson = type === 'json';
  if (isJson && (check === 'other' || (collation !== null && collation !== jsonCollation))) {
    return { name, type: 'longtext', charset: jsonCharset };
  }
  if (isJson || (type === 'longtext' && charset === jsonCharset && collation === jsonCollation)) {
    return { name, type: 'json', charset: jsonCharset };
  }
  // Its collation may be its table's; and TEXT with a length may be LONGTEXT.
  if ((type === 'longtext' && collation === null) || type === 'text')
    throw new NotUnderstood('a column may be JSON');
  return { name, type, charset: isTextType(type) ? (charset ?? charsetOfTable) : null };
}

const jsonCharset = 'utf8mb4';
/** Of MariaDB's JSON. */
export const jsonCollation = 'utf8mb4_bin';

type Type = { readonly type: string; readonly charset: string | null };

function readType(tokens: DdlTokens, vendor: Vendor): Type {
  const first = tokens.next();
  if (first.kind !== 'word') throw new NotUnderstood(`a type was expected, and there is "${first.text}"`);
  const word = first.text.toUpperCase();
  switch (word) {
    case 'ENUM':
    case 'SET':
      return { type: word.toLowerCase() + readLabels(tokens), charset: null };
    case 'NATIONAL':
      if (!tokens.take('VARCHAR') && !tokens.take('VARCHARACTER')) {
        if (!tokens.take('CHAR') && !tokens.take('CHARACTER')) throw new NotUnderstood('NATIONAL what?');
        return nationalText(tokens, tokens.take('VARYING') ? 'varchar' : 'char');
      }
      return nationalText(tokens, 'varchar');
    case 'NCHAR':
      if (!tokens.take('VARCHAR') && !tokens.take('VARCHARACTER') && !tokens.take('VARYING')) {
        return nationalText(tokens, 'char');
      }
      return nationalText(tokens, 'varchar');
    case 'NVARCHAR':
      return nationalText(tokens, 'varchar');
    case 'LONG':
      if (tokens.take('VARBINARY')) return { type: 'mediumblob', charset: null };
      if (!tokens.take('VARCHAR')) tokens.take('CHAR', 'VARYING');
      return { type: 'mediumtext', charset: null };
    case 'SERIAL':
      return { type: 'bigint unsigned', charset: null };
    case 'JSON':
      return { type: 'json', charset: vendor === 'mariadb' ? jsonCharset : null };
  }
  let type = synonyms[word] ?? word.toLowerCase();
  if (!plainTypes.has(type)) throw new NotUnderstood(`${word} is no type that is known`);
  if (type === 'char' && tokens.take('VARYING')) type = 'varchar';
  if (type === 'double') tokens.take('PRECISION');
  const length = readLength(tokens);
  // FLOAT(p) is DOUBLE from 25 on.
  if (type === 'float' && /^\(\d+\)$/.test(length)) {
    return { type: Number(length.slice(1, -1)) > 24 ? 'double' : 'float', charset: null };
  }
  if (type === 'char' && tokens.take('BYTE')) return { type: `binary${length || '(1)'}`, charset: null };
  // The length says which of the four it is.
  if ((type === 'text' || type === 'blob') && length !== '') return { type, charset: null };
  return { type: type + (length || (defaultLengths[type] ?? '')), charset: null };
}

const defaultLengths: Readonly<Record<string, string>> = { char: '(1)', binary: '(1)' };

function nationalText(tokens: DdlTokens, type: 'char' | 'varchar'): Type {
  return { type: type + readLength(tokens), charset: 'utf8mb3' };
}

function readLength(tokens: DdlTokens): string {
  if (!tokens.takeMark('(')) return '';
  let text = '';
  while (!tokens.takeMark(')')) {
    const { kind, text: part } = tokens.next();
    if (kind !== 'number' && !(kind === 'mark' && part === ','))
      throw new NotUnderstood('a length is no number');
    text += part;
  }
  return `(${text})`;
}

/** In the dictionary's form: quotation marks and backslashes doubled, labels without trailing blanks. */
function readLabels(tokens: DdlTokens): string {
  if (!tokens.takeMark('(')) throw new NotUnderstood('labels are missing');
  const labels: string[] = [];
  do {
    const { kind, text } = tokens.next();
    if (kind !== 'string' && kind !== 'quoted') throw new NotUnderstood('a label is no text');
    // The dictionary has them in other words.
    if (/\p{Cc}/u.test(text)) throw new NotUnderstood('a label has control characters');
    labels.push(`'${text.replace(/ +$/, '').replaceAll('\\', '\\\\').replaceAll("'", "''")}'`);
  } while (tokens.takeMark(','));
  if (!tokens.takeMark(')')) throw new NotUnderstood('labels have no end');
  return `(${labels.join(',')})`;
}

type Attributes = {
  readonly charset: string | null;
  /** Its name, where it is said. */
  readonly collation: string | null;
  /** `json`: CHECK (json_valid(…)) of the column itself. */
  readonly check: 'json' | 'other' | null;
  readonly isPrimary: boolean;
  readonly isUnsigned: boolean;
  readonly place: ColumnPlace | null;
};

function readAttributes(tokens: DdlTokens, column: string): Attributes {
  let charset: string | null = null;
  let collation: string | null = null;
  let check: Attributes['check'] = null;
  let isPrimary = false;
  let isUnsigned = false;
  let place: ColumnPlace | null = null;
  while (!isOver(tokens)) {
    // Nothing may follow a position.
    if (place !== null) throw new NotUnderstood('something stands behind the place of a column');
    const token = tokens.peek();
    if (token.kind === 'mark' && token.text === '(') {
      tokens.skipParentheses();
      continue;
    }
    if (isOneOf(token, versioning)) throw new NotUnderstood('the column is a versioned one');
    if (tokens.isAt('CHECK')) {
      check = readCheck(tokens, column);
      continue;
    }
    tokens.next();
    if (token.kind !== 'word') continue;
    switch (token.text.toUpperCase()) {
      case 'UNSIGNED':
      case 'ZEROFILL':
        isUnsigned = true;
        break;
      case 'CHARSET':
        charset = readCharset(tokens);
        break;
      case 'CHARACTER':
        if (tokens.take('SET')) charset = readCharset(tokens);
        break;
      case 'COLLATE':
        collation = readWord(tokens).toLowerCase();
        break;
      // KEY alone is PRIMARY KEY. After UNIQUE it belongs to that.
      case 'UNIQUE':
        tokens.take('KEY');
        break;
      case 'PRIMARY':
      case 'KEY':
        tokens.take('KEY');
        isPrimary = true;
        break;
      case 'BYTE':
        throw new NotUnderstood('BYTE makes another type of a type');
      case 'ASCII':
      case 'UNICODE':
        charset = token.text.toUpperCase() === 'ASCII' ? 'latin1' : 'ucs2';
        break;
      case 'FIRST':
        place = { at: 'first' };
        break;
      case 'AFTER':
        place = { at: 'after', column: tokens.name() };
        break;
    }
  }
  const ofCollation = collation === null ? null : charsetOfCollationName(collation);
  return { charset: charset ?? ofCollation, collation, check, isPrimary, isUnsigned, place };
}

/** Skips CHECK (…), and returns whether it requires the column to be JSON. */
export function readCheck(tokens: DdlTokens, column: string): 'json' | 'other' {
  tokens.take('CHECK');
  const isJson =
    tokens.isAtMark('(') &&
    isOneOf(tokens.peek(1), jsonValid) &&
    tokens.peek(2).text === '(' &&
    tokens.peek(3).text.toLowerCase() === column.toLowerCase() &&
    tokens.peek(3).kind !== 'string' &&
    tokens.peek(4).text === ')' &&
    tokens.peek(5).text === ')';
  tokens.skipParentheses();
  return isJson ? 'json' : 'other';
}

const jsonValid: ReadonlySet<string> = new Set(['JSON_VALID']);

function isOver(tokens: DdlTokens): boolean {
  return tokens.isAtEnd() || tokens.isAtMark(',') || tokens.isAtMark(')');
}

function readWord(tokens: DdlTokens): string {
  const { kind, text } = tokens.next();
  if (kind === 'mark' || kind === 'end') throw new NotUnderstood('a word is missing');
  return text;
}

/** Behind CHARACTER SET, with the equals sign that table options may have. */
export function readCharset(tokens: DdlTokens): string {
  tokens.takeMark('=');
  const name = readWord(tokens).toLowerCase();
  return charsetByName(name) === undefined ? unsaidCharset.unknown : name;
}

/** Behind COLLATE, likewise. */
export function readCollation(tokens: DdlTokens): string {
  tokens.takeMark('=');
  return charsetOfCollationName(readWord(tokens));
}

/**
 * Skips an element of a list, up to the comma or the end of the list.
 * @param read may read what comes next, and returns whether it did.
 */
export function passOver(tokens: DdlTokens, read: () => boolean): readonly DdlToken[] {
  const passed: DdlToken[] = [];
  while (!isOver(tokens)) {
    if (read()) continue;
    if (tokens.isAtMark('(')) tokens.skipParentheses();
    else passed.push(tokens.next());
  }
  return passed;
}

/** Skips an element that doesn't concern columns. */
export function skipElement(tokens: DdlTokens): readonly DdlToken[] {
  return passOver(tokens, () => false);
}

/** A primary key in a statement: its columns. Null if the key has more than plain columns. */
export type DefinedKey = { readonly columns: readonly string[] | null };

/** Passes over an element that {@link isAtIndex}. Null if it defines something else than a primary key. */
export function passIndex(tokens: DdlTokens): DefinedKey | null {
  if (tokens.take('CONSTRAINT') && !isOneOf(tokens.peek(), indexWords)) tokens.name();
  if (!tokens.take('PRIMARY', 'KEY')) {
    skipElement(tokens);
    return null;
  }
  // MariaDB's IF NOT EXISTS: which key there is then isn't said.
  let isPlain = !tokens.isAt('IF');
  while (!tokens.takeMark('(')) {
    if (isOver(tokens)) throw new NotUnderstood('a primary key has no columns');
    tokens.next();
  }
  const columns: string[] = [];
  do {
    columns.push(tokens.name());
    // A length, an order. WITHOUT OVERLAPS follows something that isn't a column.
    const behind = skipElement(tokens);
    isPlain &&= behind.every((token) => isOneOf(token, orders));
  } while (tokens.takeMark(','));
  if (!tokens.takeMark(')')) throw new NotUnderstood('a primary key has no end');
  skipElement(tokens);
  return { columns: isPlain ? columns : null };
}

const orders: ReadonlySet<string> = new Set(['ASC', 'DESC']);

/** Words that begin an element of CREATE TABLE that isn't a column. */
const indexWords: ReadonlySet<string> = new Set([
  ...['CONSTRAINT', 'PRIMARY', 'KEY', 'INDEX', 'UNIQUE', 'FULLTEXT', 'SPATIAL', 'FOREIGN', 'CHECK'],
]);

/** Whether the element that comes next defines an index, a constraint or a period, and no column. */
export function isAtIndex(tokens: DdlTokens): boolean {
  if (isOneOf(tokens.peek(), indexWords)) return true;
  return tokens.isAt('VECTOR', 'INDEX') || tokens.isAt('VECTOR', 'KEY') || tokens.isAt('PERIOD', 'FOR');
}
