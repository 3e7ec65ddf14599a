import { describe, expect, test } from 'vitest';
import { RecoveredStatements } from '../../../src/tail/errant-transactions.js';
import type { EndedTransaction } from '../../../src/transactions/transaction.js';

const statement: EndedTransaction['statement'] = {
  schema: 'shop',
  sql: 'ALTER TABLE orders ADD COLUMN colour INT',
};

function ended(file: string, gtid: string | null, isStatement = true): EndedTransaction {
  return {
    start: { file, position: 342 },
    end: { file, position: 500 },
    gtid,
    serverId: 1,
    identity: { digest: 1n, second: 1, origin: `g:${gtid ?? ''}` },
    statement: isStatement ? statement : null,
  };
}

/** A server's log up to its first transaction of its own, behind a restart. */
function restarted(own: EndedTransaction): RecoveredStatements {
  const statements = new RecoveredStatements('db1:3306');
  statements.ended(ended('mysql-bin.000001', '0-2-526', false), false);
  statements.ended(own, true);
  return statements;
}

describe('a statement that a replica has finished by itself, when it started again', () => {
  test('stands for the source’s where the next number follows', () => {
    const statements = restarted(ended('mysql-bin.000002', '0-1-527'));
    expect(() => {
      statements.begins({ gtid: '0-2-528' });
    }).toThrow(/has 0-1-527 at mysql-bin\.000002:342 in place of/);
  });

  test.each([
    ['the source’s follows', ended('mysql-bin.000002', '0-1-527'), '0-2-527'],
    ['another domain goes on', ended('mysql-bin.000002', '0-1-527'), '1-2-528'],
    ['it was no statement', ended('mysql-bin.000002', '0-1-527', false), '0-2-528'],
    ['the server had not been restarted', ended('mysql-bin.000001', '0-1-527'), '0-2-528'],
    ['there are no GTIDs of MariaDB', ended('mysql-bin.000002', null), null],
  ])('is the server’s own where %s', (_why, own, next) => {
    const statements = restarted(own);
    expect(() => {
      statements.begins({ gtid: next });
    }).not.toThrow();
  });

  test('is forgotten with the next transaction', () => {
    const statements = restarted(ended('mysql-bin.000002', '0-1-527'));
    statements.begins({ gtid: '0-2-527' });
    statements.ended(ended('mysql-bin.000002', '0-2-527', false), false);
    expect(() => {
      statements.begins({ gtid: '0-2-528' });
    }).not.toThrow();
  });
});
