import { withoutComments } from '../binlog/content-digest.js';

/** Statements that can carry a password: accounts, and where to replicate from. */
const mayCarrySecret =
  /^\s*(?:\/\*M?!\d*\s*)?(?:(?:create|alter)\s+(?:or\s+replace\s+)?(?:user|server|role)|grant|set\s+password|change\s+(?:master|replication))\b/i;

/** A string, closed or not; names in backticks are matched because quotation marks may stand in them. */
const quoted = /`(?:[^`]+|``)*(?:`|$)|'(?:[^'\\]+|\\[\s\S]?|'')*(?:'|$)|"(?:[^"\\]+|\\[\s\S]?|"")*(?:"|$)/g;

/** The end of what stands between the string before (if any) and a password. */
const beforeSecret = /(?:\b(?:by|as|using|replace)(?:\s+password)?|password\s*=?)\s*\(?$/i;
const setsPassword = /^\s*(?:\/\*M?!\d*\s*)?set\s+password\b/i;
const longestBefore = 60;

/**
 * A statement with its passwords taken out: MariaDB writes CREATE USER … IDENTIFIED BY '…' to its log in clear text,
 * MySQL the hash, and what stands in the log must not stand in an audit file that others read.
 */
export function withoutPasswords(sql: string): string {
  // Comments may stand before the statement, and between a word and its password.
  const bare = withoutComments(sql);
  if (!mayCarrySecret.test(bare)) return sql;
  // SET PASSWORD FOR 'account'@'host' = '…'
  const anyValue = setsPassword.test(bare);
  let end = 0;
  return bare.replace(quoted, (text, start: number) => {
    const before = bare.slice(end, start).trimEnd().slice(-longestBefore);
    end = start + text.length;
    const secret = !text.startsWith('`') && (beforeSecret.test(before) || (anyValue && before.endsWith('=')));
    return secret ? "'<secret>'" : text;
  });
}
