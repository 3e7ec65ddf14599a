import type { Vendor } from '../mysql/version.js';
import type { DictionaryColumn } from '../decode/dictionary.js';
import { charsetByName } from '../decode/charset.js';
import { isOneOf, NotUnderstood, type SqlToken, type SqlTokens } from './sql-tokens.js';
import { charsetOfCollationName, isTextType, unsaidCharset } from './table-definition.js';

/** Stands for the character set of a column that leaves it to its table. */
export const charsetOfTable = '@table';

/** Where a column is to stand. */
export type ColumnPlace = { readonly at: 'first' } | { readonly at: 'after'; readonly column: string };

/** A column as a statement defines it; its character set may be {@link charsetOfTable}. */
export type DefinedColumn = { readonly column: DictionaryColumn; readonly place: ColumnPlace | null };

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

/** Behind these the column isn't one of those that the table's definition alone makes. */
const versioning: ReadonlySet<string> = new Set(['VERSIONING', 'REF_SYSTEM_ID']);

/** Reads `name type attributes`, up to a comma or the end of what encloses it. */
export function readColumnDefinition(tokens: SqlTokens, vendor: Vendor): DefinedColumn {
  const name = tokens.name();
  return readUnnamedColumn(tokens, vendor, name);
}

/** The same, where the name has been read. */
export function readUnnamedColumn(tokens: SqlTokens, vendor: Vendor, name: string): DefinedColumn {
  const { type, charset } = readType(tokens, vendor);
  const attributes = readAttributes(tokens);
  const own = charset ?? attributes.charset;
  if (charset !== null && attributes.charset !== null && attributes.charset !== charset) {
    throw new NotUnderstood('a column has two character sets');
  }
  const unsigned = attributes.isUnsigned ? ' unsigned' : '';
  const said = isTextType(type) ? (own ?? charsetOfTable) : null;
  const column = { name, type: type + unsigned, charset: said === 'binary' ? null : said };
  return { column, place: attributes.place };
}

type Type = { readonly type: string; readonly charset: string | null };

function readType(tokens: SqlTokens, vendor: Vendor): Type {
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
      // MariaDB's JSON is another name of LONGTEXT.
      return vendor === 'mariadb'
        ? { type: 'longtext', charset: 'utf8mb4' }
        : { type: 'json', charset: null };
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

function nationalText(tokens: SqlTokens, type: 'char' | 'varchar'): Type {
  return { type: type + readLength(tokens), charset: 'utf8mb3' };
}

function readLength(tokens: SqlTokens): string {
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

/** As the dictionary has them: quotation marks and backslashes doubled, no blanks at the end of a label. */
function readLabels(tokens: SqlTokens): string {
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
  readonly isUnsigned: boolean;
  readonly place: ColumnPlace | null;
};

function readAttributes(tokens: SqlTokens): Attributes {
  let charset: string | null = null;
  let collation: string | null = null;
  let isUnsigned = false;
  let place: ColumnPlace | null = null;
  while (!isOver(tokens)) {
    // Nothing comes behind a place.
    if (place !== null) throw new NotUnderstood('something stands behind the place of a column');
    const token = tokens.peek();
    if (token.kind === 'mark' && token.text === '(') {
      tokens.skipParentheses();
      continue;
    }
    if (isOneOf(token, versioning)) throw new NotUnderstood('the column is a versioned one');
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
        collation = charsetOfCollationName(readWord(tokens));
        break;
      case 'BYTE':
        throw new NotUnderstood('BYTE makes another type of a type');
      case 'ASCII':
        charset = 'latin1';
        break;
      case 'UNICODE':
        charset = 'ucs2';
        break;
      case 'FIRST':
        place = { at: 'first' };
        break;
      case 'AFTER':
        place = { at: 'after', column: tokens.name() };
        break;
    }
  }
  return { charset: charset ?? collation, isUnsigned, place };
}

function isOver(tokens: SqlTokens): boolean {
  return tokens.isAtEnd() || tokens.isAtMark(',') || tokens.isAtMark(')');
}

function readWord(tokens: SqlTokens): string {
  const { kind, text } = tokens.next();
  if (kind === 'mark' || kind === 'end') throw new NotUnderstood('a word is missing');
  return text;
}

/** Behind CHARACTER SET, with the equals sign that table options may have. */
export function readCharset(tokens: SqlTokens): string {
  tokens.takeMark('=');
  const name = readWord(tokens).toLowerCase();
  return charsetByName(name) === undefined ? unsaidCharset.unknown : name;
}

/** Behind COLLATE, likewise. */
export function readCollation(tokens: SqlTokens): string {
  tokens.takeMark('=');
  return charsetOfCollationName(readWord(tokens));
}

/** Passes over an element of a list, up to the comma or what closes the list. */
export function skipElement(tokens: SqlTokens): readonly SqlToken[] {
  const passed: SqlToken[] = [];
  while (!isOver(tokens)) {
    if (tokens.isAtMark('(')) tokens.skipParentheses();
    else passed.push(tokens.next());
  }
  return passed;
}

/** What begins an element of CREATE TABLE that is no column. */
const indexWords: ReadonlySet<string> = new Set([
  ...['CONSTRAINT', 'PRIMARY', 'KEY', 'INDEX', 'UNIQUE', 'FULLTEXT', 'SPATIAL', 'FOREIGN', 'CHECK'],
]);

/** Whether the element that comes next defines an index, a constraint or a period, and no column. */
export function isAtIndex(tokens: SqlTokens): boolean {
  if (isOneOf(tokens.peek(), indexWords)) return true;
  return tokens.isAt('VECTOR', 'INDEX') || tokens.isAt('VECTOR', 'KEY') || tokens.isAt('PERIOD', 'FOR');
}
