import type { Statement } from '../binlog/query-event.js';
import type { TableFilter } from '../config/table-filter.js';

/** Names of the form `schema`.`table`, quoted or not, anywhere in a statement. */
const qualifiedName = /(?:`([^`]+)`|([\w$]+))\s*\.\s*(?:`([^`]+)`|([\w$]+))/g;

/** The schema that CREATE, ALTER or DROP DATABASE speaks of. */
const databaseName = /\b(?:database|schema)\s+(?:if\s+(?:not\s+)?exists\s+)?(?:`([^`]+)`|([\w$]+))/i;

/**
 * Whether a statement is delivered: its default schema is, or it names a table or a schema that is. What a statement
 * is about can't be known without parsing SQL whole; rather one statement too many than one too few.
 */
export function isStatementDeliverable(statement: Statement, filter: TableFilter): boolean {
  if (statement.schema !== '' && filter.schema(statement.schema)) return true;
  const database = databaseName.exec(statement.sql);
  const databaseSchema = database?.[1] ?? database?.[2];
  if (databaseSchema !== undefined && filter.schema(databaseSchema)) return true;
  for (const match of statement.sql.matchAll(qualifiedName)) {
    const schema = match[1] ?? match[2];
    const table = match[3] ?? match[4];
    if (schema !== undefined && table !== undefined && filter.table(schema, table)) return true;
  }
  // Without any schema to go by (CREATE USER, SET PASSWORD, …) a statement belongs to those who want everything.
  return statement.schema === '' && filter.schema('');
}

/** A filter that remembers its answers: the same few tables come again and again. */
export function rememberingFilter(filter: TableFilter): TableFilter {
  const tables = new Map<string, Map<string, boolean>>();
  return {
    schema: (schema) => filter.schema(schema),
    table: (schema, table) => {
      let answers = tables.get(schema);
      if (!answers) tables.set(schema, (answers = new Map<string, boolean>()));
      let answer = answers.get(table);
      if (answer === undefined) {
        if (answers.size >= rememberedTables) answers.clear();
        answers.set(table, (answer = filter.table(schema, table)));
      }
      return answer;
    },
  };
}

const rememberedTables = 10_000;
