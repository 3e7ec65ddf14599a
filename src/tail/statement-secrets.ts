import { beginningOf, isBlank, scanSql, withoutExecutionMarks } from '../binlog/sql-text.js';

/**
 * Statements that can carry a password: accounts, and where to replicate from; on MariaDB also behind SET STATEMENT …
 * FOR, which stands in the log with them.
 */
const mayCarrySecret =
  /^(?:set statement .* for )?(?:(?:create|alter) (?:or replace )?(?:user|server|role)|grant|set password|change (?:master|replication))\b/i;

/** As much of a statement as tells whether it is one of these. */
const longestBeginning = 200;

/** The end of what stands between the string before (if any) and a password. */
const beforeSecret = /(?:\b(?:by|as|using|replace)(?: password)?|password ?=?) ?\(? ?$/i;
const setsPassword = /^(?:set statement .* for )?set password\b/i;
const longestBefore = 60;

/**
 * A statement with its passwords taken out: MariaDB writes CREATE USER … IDENTIFIED BY '…' to its log in clear text,
 * MySQL the hash, and what stands in the log must not stand in an audit file that others read.
 */
export function withoutPasswords(sql: string): string {
  // Comments may stand before the statement, and between a word and its password.
  const beginning = withoutExecutionMarks(beginningOf(sql, longestBeginning));
  if (!mayCarrySecret.test(beginning)) return sql;
  // SET PASSWORD FOR 'account'@'host' = '…'
  const anyValue = setsPassword.test(beginning);
  const kept: string[] = [];
  let keptStart = 0;
  /** What stands before, back to the last quotation mark; comments and white space as single blanks. */
  let before = '';
  scanSql(sql, (part, start, end) => {
    switch (part) {
      case 'text':
        before = joined(before, lastWords(sql, start, end));
        break;
      case 'comment':
        kept.push(sql.slice(keptStart, start), ' ');
        keptStart = end;
        before = joined(before, ' ');
        break;
      case 'string':
        if (before !== '' && (beforeSecret.test(before) || (anyValue && before.trimEnd().endsWith('=')))) {
          kept.push(sql.slice(keptStart, start), "'<secret>'");
          keptStart = end;
        }
        before = '';
        break;
      case 'name':
        before = '';
    }
    return true;
  });
  kept.push(sql.slice(keptStart));
  return kept.join('').trim();
}

/** The end of a text, white space as single blanks. */
function lastWords(sql: string, start: number, end: number): string {
  let words = '';
  for (let at = end; at > start && words.length < longestBefore;) {
    at -= 1;
    if (!isBlank(sql, at)) words = sql.charAt(at) + words;
    else if (!words.startsWith(' ')) words = ` ${words}`;
  }
  return words;
}

function joined(before: string, more: string): string {
  if (more === ' ' && before.endsWith(' ')) return before;
  const whole = before.endsWith(' ') && more.startsWith(' ') ? before + more.slice(1) : before + more;
  return whole.slice(-longestBefore);
}
