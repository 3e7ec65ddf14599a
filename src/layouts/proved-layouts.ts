import type { TableName } from '../binlog/rows-event.js';
import type { DictionaryColumn } from '../decode/described-table.js';
import { altered } from './alteration.js';
import { type StatementEffect, type TableChange, tablesOf } from './ddl-statement.js';
import { type TableDefinition, unsaidCharset } from './table-definition.js';

/** A table whose columns are proved at the stream's place. */
export type ProvedTable = {
  readonly definition: TableDefinition;
  /** Whether a statement has changed it since the server's dictionary last confirmed it. */
  readonly carried: boolean;
};

/** What was known before a statement, as far as the statement can have changed it. */
export type Undo = {
  /** Of the state before it. */
  readonly version: number;
  /** What it can have changed: certain tables, all tables of a schema, or all tables. */
  readonly scope:
    | { readonly kind: 'named' }
    | { readonly kind: 'schema'; readonly schema: string }
    | { readonly kind: 'all' };
  /** Null: not known before. */
  readonly tables: ReadonlyMap<string, ProvedTable | null>;
  /** All schemas. Null if it can't have changed a schema. */
  readonly schemas: ReadonlyMap<string, string> | null;
};

/** How many tables are remembered. Beyond that, those proved longest ago are forgotten. */
const mostTables = 10_000;
/** How many statements can be undone. */
const mostUndos = 1000;

const separator = '\0';

/** A table's name as a key. */
export function keyOf({ schema, table }: TableName): string {
  return `${schema}${separator}${table}`;
}

/** The table's name for a key. */
export function nameOfKey(key: string): TableName {
  const at = key.indexOf(separator);
  return { schema: key.slice(0, at), table: key.slice(at + 1) };
}

const schemaOf = (key: string): string => nameOfKey(key).schema;
const alike = (one: string, other: string): boolean => one.toLowerCase() === other.toLowerCase();

/**
 * The tables whose columns are proved at the stream's place. They are learned from look-ups, and carried
 * through the statements that are read. The version counts the statements that changed something. So what was
 * read but not delivered can be undone.
 */
export class ProvedLayouts {
  /** Whether a log has needed them. If all names are in the log, they need not be kept. */
  isNeeded = false;
  #tables = new Map<string, ProvedTable>();
  /** Default character sets of schemas. */
  #schemas = new Map<string, string>();
  #version = 0;
  #undos: Undo[] = [];
  #revision = 0;

  /** How many of the stream's statements have changed tables. */
  get version(): number {
    return this.#version;
  }

  /** Grows with every change of what is known. */
  get revision(): number {
    return this.#revision;
  }

  get isEmpty(): boolean {
    return this.#tables.size === 0 && this.#schemas.size === 0;
  }

  get tables(): ReadonlyMap<string, ProvedTable> {
    return this.#tables;
  }

  get schemas(): ReadonlyMap<string, string> {
    return this.#schemas;
  }

  get undos(): readonly Undo[] {
    return this.#undos;
  }

  of(name: TableName): ProvedTable | null {
    return this.#tables.get(keyOf(name)) ?? null;
  }

  /** Takes a definition of the server's dictionary that holds at the stream's place. */
  keep(name: TableName, definition: TableDefinition): void {
    this.#set(keyOf(name), { definition, carried: false });
    const [oldest] = this.#tables.keys();
    if (this.#tables.size > mostTables && oldest !== undefined) this.#tables.delete(oldest);
  }

  /** The same for a schema. Now the character sets that its tables inherit are known. */
  keepSchema(schema: string, charset: string): void {
    if (this.#schemas.get(schema) === charset) return;
    this.#revision += 1;
    this.#schemas.set(schema, charset);
    for (const [key, proved] of this.#tables) {
      if (schemaOf(key) === schema)
        this.#tables.set(key, { ...proved, definition: said(proved.definition, charset) });
    }
  }

  /**
   * A statement was executed. Returns whether it can have changed a table.
   * @param isOwn whether it is part of the stream's history. Otherwise it may exist on this server only, and
   * its effect isn't kept.
   */
  statement(effect: StatementEffect, isOwn: boolean): boolean {
    if (effect.kind === 'tables' && effect.changes.length === 0) return false;
    this.#remember(effect);
    this.#version += 1;
    this.#revision += 1;
    switch (effect.kind) {
      case 'anything':
        this.#tables = new Map();
        this.#schemas = new Map();
        break;
      case 'schema-dropped':
        this.#dropTablesOf(effect.schema);
        this.#forgetSchema(effect.schema);
        break;
      case 'schema-changed':
        this.#changeSchema(effect.schema, isOwn ? effect.charset : unsaidCharset.unknown);
        break;
      case 'tables':
        for (const change of effect.changes) {
          if (isOwn) this.#change(change);
          else for (const table of tablesOf(change)) this.#tables.delete(keyOf(table));
          for (const table of tablesOf(change)) this.#forgetAlike(table);
        }
    }
    return true;
  }

  /** Undoes statements after a version. If that is too long ago, forgets everything and returns false. */
  rewind(version: number): boolean {
    if (version === this.#version) return true;
    this.#revision += 1;
    while (version < this.#version) {
      const undo = this.#undos.pop();
      if (undo?.version !== this.#version - 1) break;
      this.#version = undo.version;
      this.#takeBack(undo);
    }
    if (version === this.#version) return true;
    this.forget();
    this.#version = version;
    return false;
  }

  /** Versions before this one will not be restored any more. */
  settle(version: number): void {
    this.#undos = this.#undos.filter((undo) => undo.version >= version);
  }

  /** Nothing is known any more. */
  forget(): void {
    this.#tables = new Map();
    this.#schemas = new Map();
    this.#undos = [];
    this.#revision += 1;
  }

  /** Takes over what was known. */
  restore(known: {
    readonly version: number;
    readonly tables: ReadonlyMap<string, ProvedTable>;
    readonly schemas: ReadonlyMap<string, string>;
    readonly undos: readonly Undo[];
  }): void {
    this.#version = known.version;
    this.#tables = new Map(known.tables);
    this.#schemas = new Map(known.schemas);
    this.#undos = [...known.undos];
    this.#revision += 1;
  }

  #set(key: string, proved: ProvedTable): void {
    const before = this.#tables.get(key);
    // Proved last is forgotten last.
    this.#tables.delete(key);
    this.#tables.set(key, proved);
    if (before?.definition !== proved.definition || before.carried !== proved.carried) this.#revision += 1;
  }

  #change(change: TableChange): void {
    const key = keyOf(change.table);
    const proved = this.#tables.get(key);
    switch (change.kind) {
      case 'created':
        // An existing table stays. If it isn't known whether one exists, nothing is known.
        if (change.unlessExists) return;
        this.#carry(key, this.#inSchema(change.table.schema, change.definition));
        return;
      case 'copied':
        if (change.unlessExists) return;
        this.#carry(key, this.#tables.get(keyOf(change.from))?.definition ?? null);
        return;
      case 'altered':
        if (proved !== undefined) this.#carry(key, altered(proved.definition, change.changes));
        return;
      case 'renamed':
        this.#tables.delete(key);
        this.#carry(keyOf(change.to), proved?.definition ?? null);
        return;
      case 'dropped':
      case 'changed':
        this.#tables.delete(key);
    }
  }

  #carry(key: string, definition: TableDefinition | null): void {
    if (definition === null) this.#tables.delete(key);
    else this.#set(key, { definition, carried: true });
  }

  #inSchema(schema: string, definition: TableDefinition): TableDefinition {
    const charset = this.#schemas.get(schema);
    return charset === undefined ? definition : said(definition, charset);
  }

  #changeSchema(schema: string, charset: string): void {
    this.#forgetSchema(schema);
    if (charset !== unsaidCharset.unknown) this.#schemas.set(schema, charset);
    for (const [key, proved] of this.#tables) {
      if (!alike(schemaOf(key), schema)) continue;
      this.#tables.set(key, { ...proved, definition: said(proved.definition, unsaidCharset.unknown) });
    }
  }

  #forgetSchema(schema: string): void {
    for (const name of this.#schemas.keys()) if (alike(name, schema)) this.#schemas.delete(name);
  }

  /** The server decides whether names that differ in case are the same (`lower_case_table_names`). */
  #forgetAlike({ schema, table }: TableName): void {
    const own = keyOf({ schema, table });
    for (const key of this.#tables.keys()) if (key !== own && alike(key, own)) this.#tables.delete(key);
  }

  #remember(effect: StatementEffect): void {
    const { kind } = effect;
    const keys =
      kind === 'tables'
        ? this.#touched(effect.changes)
        : [...this.#tables.keys()].filter(
            (key) => kind === 'anything' || alike(schemaOf(key), effect.schema),
          );
    this.#undos.push({
      version: this.#version,
      scope: scopeOf(effect),
      tables: new Map(keys.map((key) => [key, this.#tables.get(key) ?? null])),
      schemas: kind === 'tables' ? null : new Map(this.#schemas),
    });
    if (this.#undos.length > mostUndos) this.#undos.shift();
  }

  #touched(changes: readonly TableChange[]): string[] {
    const named = changes.flatMap(tablesOf).map(keyOf);
    const others = [...this.#tables.keys()].filter((key) => named.some((name) => alike(name, key)));
    return [...new Set([...named, ...others])];
  }

  #takeBack({ scope, tables, schemas }: Undo): void {
    if (scope.kind === 'all') this.#tables.clear();
    if (scope.kind === 'schema') this.#dropTablesOf(scope.schema);
    for (const [key, before] of tables) {
      if (before === null) this.#tables.delete(key);
      else this.#tables.set(key, before);
    }
    if (schemas !== null) this.#schemas = new Map(schemas);
  }

  #dropTablesOf(schema: string): void {
    for (const key of this.#tables.keys()) if (alike(schemaOf(key), schema)) this.#tables.delete(key);
  }
}

function scopeOf(effect: StatementEffect): Undo['scope'] {
  switch (effect.kind) {
    case 'anything':
      return { kind: 'all' };
    case 'schema-dropped':
      return { kind: 'schema', schema: effect.schema };
    case 'schema-changed':
    case 'tables':
      return { kind: 'named' };
  }
}

/** A definition with a character set in the place of its schema's default. */
function said(definition: TableDefinition, charset: string): TableDefinition {
  const { ofSchema } = unsaidCharset;
  const isUnsaid = ({ charset: own }: DictionaryColumn): boolean => own === ofSchema;
  if (definition.defaultCharset !== ofSchema && !definition.columns.some(isUnsaid)) return definition;
  const own = charset === 'binary' ? null : charset;
  return {
    ...definition,
    columns: definition.columns.map((column) => (isUnsaid(column) ? { ...column, charset: own } : column)),
    defaultCharset: definition.defaultCharset === ofSchema ? charset : definition.defaultCharset,
  };
}
