import { withoutComments } from '../binlog/content-digest.js';

/** Statements that can carry a password: accounts, and where to replicate from. */
const mayCarrySecret =
  /^\s*(?:\/\*M?!\d*\s*)?(?:(?:create|alter)\s+(?:or\s+replace\s+)?(?:user|server|role)|grant|set\s+password|change\s+(?:master|replication))\b/i;

/** A string, closed or not, behind what a password stands behind. */
const secret =
  /(\b(?:by|as|using|replace)\b(?:\s+password)?|\bfor\s+\S+\s*=|password\s*[=(]?)\s*('(?:[^'\\]+|\\[\s\S]?|'')*(?:'|$)|"(?:[^"\\]+|\\[\s\S]?|"")*(?:"|$))/gi;

/**
 * A statement with its passwords taken out: MariaDB writes CREATE USER … IDENTIFIED BY '…' to its log in clear text,
 * and what stands in the log must not stand in an audit file that others read.
 */
export function withoutPasswords(sql: string): string {
  // Comments may stand before the statement, and between a word and its password.
  const bare = withoutComments(sql);
  return mayCarrySecret.test(bare) ? bare.replace(secret, "$1 '<secret>'") : sql;
}
