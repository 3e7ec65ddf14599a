import { expect, test } from 'vitest';
import { shownApplierError } from '../../../src/mysql/applier-error.js';

test.each([
  [
    // MariaDB 11.8.
    "Error 'You have an error in your SQL syntax; check the manual that corresponds to your MariaDB server version for the right syntax to use near 'geheim'' at line 1' on query. Default database: 'shop'. Query: 'CREATE USER u3 IDENTIFIED BY 'x\\'geheim''",
    "Error 'You have an error in your SQL syntax; check the manual that corresponds to your MariaDB server version for the right syntax to use near '<secret>' Query: '<secret>'",
  ],
  [
    "Error 'Operation CREATE USER failed for 'u'@'%'' on query. Default database: ''. Query: 'CREATE USER u IDENTIFIED BY 'geheim''",
    "Error 'Operation CREATE USER failed for 'u'@'%'' on query. Default database: ''. Query: '<secret>'",
  ],
  [
    "Error 'Table 't' already exists' on query. Default database: 'shop'. Query: 'CREATE TABLE t (a INT)'",
    "Error 'Table 't' already exists' on query. Default database: 'shop'. Query: 'CREATE TABLE t (a INT)'",
  ],
  ["Could not execute Write_rows event on table shop.t; Duplicate entry 'password'", null],
  ['', null],
])('%s', (error, shown) => {
  expect(shownApplierError(error)).toBe(shown ?? error);
});
