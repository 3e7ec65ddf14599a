/** Statements that can carry a password: accounts, and where to replicate from. */
const mayCarrySecret =
  /^\s*(?:(?:create|alter)\s+(?:or\s+replace\s+)?(?:user|server|role)|grant|set\s+password|change\s+(?:master|replication))\b/i;

/** A string behind what a password stands behind. */
const secret =
  /(\b(?:by|as|using|replace)\b(?:\s+password)?|\bfor\s+\S+\s*=|password\s*[=(]?)\s*('(?:[^'\\]|\\.|'')*'|"(?:[^"\\]|\\.|"")*")/gi;

/**
 * A statement with its passwords taken out: MariaDB writes CREATE USER … IDENTIFIED BY '…' to its log in clear text,
 * and what stands in the log must not stand in an audit file that others read.
 */
export function withoutPasswords(sql: string): string {
  return mayCarrySecret.test(sql) ? sql.replace(secret, "$1 '<secret>'") : sql;
}
