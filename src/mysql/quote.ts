/**
 * A name (schema, table, column) for the text of a statement, in backticks. For the places where the server takes no
 * bound values: names, and the bodies of what is stored.
 */
export function quoteName(name: string): string {
  return `\`${name.replaceAll('`', '``')}\``;
}

/** The full name of a table, or of whatever else a schema holds. */
export function quoteTable(schema: string, table: string): string {
  return `${quoteName(schema)}.${quoteName(table)}`;
}

/** A text literal, for the same places. Right where backslashes escape: sql_mode without NO_BACKSLASH_ESCAPES. */
export function quoteText(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`;
}

/** An account as CURRENT_USER() gives it (`waymark@%`), the way GRANT wants it (`'waymark'@'%'`), for people. */
export function quoteAccount(account: string): string {
  const at = account.lastIndexOf('@');
  const part = (text: string): string => `'${text.replaceAll("'", "''")}'`;
  return at < 0 ? part(account) : `${part(account.slice(0, at))}@${part(account.slice(at + 1))}`;
}
