import { beginningOf, withoutExecutionMarks } from '../binlog/sql-text.js';
import type { Statement } from '../binlog/query-event.js';
import type { TableFilter } from '../config/table-filter.js';
import { nameAround } from './qualified-names.js';

/** The schema that CREATE, ALTER or DROP DATABASE speaks of. */
const databaseName =
  /\b(?:database|schema)\s+(?:if\s+(?:not\s+)?exists\s+)?(?:`([^`]+)`|([\w$\u0080-\uffff]+))/i;

/** So far from a statement's beginning its schema may stand. */
const longestBeginning = 500;

/** So many dots are looked at; a statement that has more is delivered. */
const mostDots = 20_000;

/**
 * Whether a statement is delivered: its default schema is, or it names a table or a schema that is. What a statement
 * is about can't be known without parsing SQL whole; rather one statement too many than one too few.
 */
export function isStatementDeliverable(statement: Statement, filter: TableFilter): boolean {
  if (statement.schema !== '' && filter.schema(statement.schema)) return true;
  const database = databaseName.exec(withoutExecutionMarks(beginningOf(statement.sql, longestBeginning)));
  const databaseSchema = database?.[1] ?? database?.[2];
  if (databaseSchema !== undefined && filter.schema(databaseSchema)) return true;
  if (namesTable(statement.sql, filter)) return true;
  // Without any schema to go by (CREATE USER, SET PASSWORD, …) a statement belongs to those who want everything.
  return statement.schema === '' && filter.schema('');
}

function namesTable(sql: string, filter: TableFilter): boolean {
  let dots = 0;
  for (let dot = sql.indexOf('.'); dot >= 0; dot = sql.indexOf('.', dot + 1)) {
    dots += 1;
    if (dots > mostDots) return true;
    const name = nameAround(sql, dot);
    if (name !== null && filter.table(name.schema, name.table)) return true;
  }
  return false;
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
