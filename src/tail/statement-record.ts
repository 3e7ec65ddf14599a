import type { LoggedStatement } from '../binlog/query-event.js';
import type { StatementContext, UserVariable } from '../binlog/statement-context.js';
import { shownText } from '../decode/statement-secrets.js';
import { exactInteger, variableValue } from '../decode/user-variable.js';
import type { ShownContext, ShownStatement } from '../records/record.js';

/**
 * Returns what a record shows of a statement: its text in its own character set, without passwords, and its context.
 */
export function shownStatement(statement: LoggedStatement): ShownStatement {
  const { schema, context } = statement;
  const { sql, isSure, isShortened, hidesValues } = shownText(statement);
  return {
    schema,
    sql,
    ...(isSure || isShortened ? {} : { sqlBytes: { $base64: bytesOf(statement).toString('base64') } }),
    ...(context === undefined ? {} : { context: shownContext(context, hidesValues) }),
  };
}

function bytesOf({ sql, bytes }: LoggedStatement): Buffer {
  return bytes ?? Buffer.from(sql);
}

/** @param hidesValues whether the variables may hold passwords. */
function shownContext(
  { variables, insertId, lastInsertId, rand }: StatementContext,
  hidesValues: boolean,
): ShownContext {
  const valueOf = ({ value }: UserVariable): ReturnType<typeof variableValue> =>
    hidesValues ? '<secret>' : variableValue(value);
  return {
    ...(variables.length === 0
      ? {}
      : {
          // Object.fromEntries makes even `__proto__` an ordinary property.
          variables: Object.fromEntries(variables.map((variable) => [variable.name, valueOf(variable)])),
        }),
    ...(insertId === null ? {} : { insertId: exactInteger(insertId) }),
    ...(lastInsertId === null ? {} : { lastInsertId: exactInteger(lastInsertId) }),
    ...(rand === null ? {} : { rand: [exactInteger(rand[0]), exactInteger(rand[1])] as const }),
  };
}
