/** Quotes a name (schema, table, column) with backticks. For statements in which the server takes no bound values. */
export function quoteName(name: string): string {
  return `\`${name.replaceAll('`', '``')}\``;
}

/** Quotes the full name of a table, or of another object in a schema. */
export function quoteTable(schema: string, table: string): string {
  return `${quoteName(schema)}.${quoteName(table)}`;
}

/**
 * Quotes a text literal, for the same statements. It is right if backslashes escape: sql_mode without
 * NO_BACKSLASH_ESCAPES.
 */
export function quoteText(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`;
}

/**
 * Turns an account from CURRENT_USER() (`waymark@%`) into the form that GRANT takes (`'waymark'@'%'`), for people to
 * copy.
 */
export function quoteAccount(account: string): string {
  const at = account.lastIndexOf('@');
  const part = (text: string): string => `'${text.replaceAll("'", "''")}'`;
  return at < 0 ? part(account) : `${part(account.slice(0, at))}@${part(account.slice(at + 1))}`;
}
