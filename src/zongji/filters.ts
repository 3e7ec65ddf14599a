/** Schemas, each with the tables that are meant, or `true` for all of them. */
export type SchemaList = Readonly<Record<string, readonly string[] | true>>;

/** Which events are emitted; what is excluded is, whatever is included. */
export type FilterOptions = {
  /** Names of events: `writerows`, `query`, … All unless given. */
  includeEvents?: readonly string[] | undefined;
  excludeEvents?: readonly string[] | undefined;
  /** Of the events of tables alone. */
  includeSchema?: SchemaList | undefined;
  excludeSchema?: SchemaList | undefined;
};

/** The filters of a reader, looked up for each event. */
export class Filters {
  readonly #includeEvents: ReadonlySet<string> | null;
  readonly #excludeEvents: ReadonlySet<string>;
  readonly #includeSchema: ReadonlyMap<string, ReadonlySet<string> | true> | null;
  readonly #excludeSchema: ReadonlyMap<string, ReadonlySet<string> | true>;

  constructor({ includeEvents, excludeEvents, includeSchema, excludeSchema }: FilterOptions) {
    this.#includeEvents = includeEvents === undefined ? null : new Set(includeEvents);
    this.#excludeEvents = new Set(excludeEvents ?? []);
    this.#includeSchema = includeSchema === undefined ? null : tablesOf(includeSchema);
    this.#excludeSchema = tablesOf(excludeSchema ?? {});
  }

  /** Whether events of that name are not emitted. */
  skipsEvent(name: string): boolean {
    return this.#excludeEvents.has(name) || this.#includeEvents?.has(name) === false;
  }

  /** Whether the events of a table are not. */
  skipsTable(schema: string, table: string): boolean {
    if (covers(this.#excludeSchema, schema, table)) return true;
    return this.#includeSchema !== null && !covers(this.#includeSchema, schema, table);
  }
}

function tablesOf(list: SchemaList): ReadonlyMap<string, ReadonlySet<string> | true> {
  return new Map(
    Object.entries(list).map(([schema, tables]) => [schema, tables === true ? true : new Set(tables)]),
  );
}

function covers(
  list: ReadonlyMap<string, ReadonlySet<string> | true>,
  schema: string,
  table: string,
): boolean {
  const tables = list.get(schema);
  return tables === true || tables?.has(table) === true;
}
