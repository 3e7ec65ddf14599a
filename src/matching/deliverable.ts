import type { LoggedStatement } from '../binlog/query-event.js';
import { type SqlQuoting, usualQuoting, withoutComments } from '../sql/text.js';
import type { TableFilter } from '../config/table-filter.js';
import { textOfStatement } from '../decode/statement-text.js';
import { nameAround } from '../sql/qualified-names.js';
import { targetOf } from '../sql/statement-target.js';

/** How many dots are examined. A statement with more is delivered. */
const mostDots = 20_000;

/**
 * Whether a statement is delivered: its target is delivered, or it names a delivered table. If the target isn't
 * certain, the default schema decides. Only a full SQL parser could know more. In doubt the statement is delivered.
 */
export function isStatementDeliverable(statement: LoggedStatement, filter: TableFilter): boolean {
  const { text, isSure } = textOfStatement(statement);
  return (
    isTextDeliverable(text, statement, filter) ||
    (!isSure && text !== statement.sql && isTextDeliverable(statement.sql, statement, filter))
  );
}

function isTextDeliverable(text: string, { schema, session }: LoggedStatement, filter: TableFilter): boolean {
  const quoting = session?.quoting ?? usualQuoting;
  const target = targetOf(text, schema, quoting);
  if (target?.kind === 'tables') {
    if (target.tables.some((name) => passes(name.schema, name.table, filter))) return true;
  } else if (target?.kind === 'schema') {
    if (passesSchema(target.schema, filter)) return true;
  } else if (schema !== '' && filter.schema(schema)) return true;
  if (text.includes('.')) {
    if (namesTable(text, filter)) return true;
    // A comment may be within a name. In text that was decoded wrongly it may be no comment. So both readings are
    // tried.
    if (mayHaveComment.test(text) && namesTable(withoutMarks(text, quoting), filter)) return true;
  }
  // A statement without any schema (CREATE USER, SET PASSWORD, …) is delivered only if everything is.
  return schema === '' && target === null && filter.schema('');
}

const mayHaveComment = /\/\*|--|#/;

/** Without comments, and without the marks of those that servers execute. */
function withoutMarks(sql: string, quoting: SqlQuoting): string {
  return withoutComments(sql, quoting).replaceAll(/\/\*M?!\d*|\*\//g, ' ');
}

/** Servers with lower_case_table_names=1 have names in lower case, whatever a statement has. */
function passes(schema: string, table: string, filter: TableFilter): boolean {
  return filter.table(schema, table) || filter.table(schema.toLowerCase(), table.toLowerCase());
}

function passesSchema(schema: string, filter: TableFilter): boolean {
  return filter.schema(schema) || filter.schema(schema.toLowerCase());
}

function namesTable(sql: string, filter: TableFilter): boolean {
  let dots = 0;
  for (let dot = sql.indexOf('.'); dot >= 0; dot = sql.indexOf('.', dot + 1)) {
    dots += 1;
    if (dots > mostDots) return true;
    const name = nameAround(sql, dot);
    if (name !== null && passes(name.schema, name.table, filter)) return true;
  }
  return false;
}

/** A filter that remembers its answers, because the same few tables come again and again. */
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
