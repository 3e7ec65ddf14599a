import { expect, test } from 'vitest';
import { defaultHintFormat, hintRecogniser } from '../../../src/hints/hint.js';
import { ListedDigest, listedIdentity } from '../../../src/matching/listed-digest.js';
import type { HistoryStep } from '../../../src/matching/match-state.js';
import { RelayListing } from '../../../src/correlate/relay-listing.js';
import type { ListedEvent } from '../../../src/mysql/relay-log.js';

const replicaId = 2;

/** `type | server id | end in the source's log | info`, as SHOW RELAYLOG EVENTS prints it. */
function read(lines: readonly string[]): { steps: HistoryStep[]; listing: RelayListing } {
  const listing = new RelayListing(hintRecogniser(defaultHintFormat), replicaId);
  const steps = lines.flatMap((line, index) => {
    const [type = '', serverId, sourceEnd, ...info] = line.split(' | ');
    const event: ListedEvent = {
      file: 'relay-bin.000004',
      position: index * 10,
      type,
      serverId: Number(serverId),
      sourceEnd: Number(sourceEnd),
      info: info.join(' | '),
    };
    return listing.event(event) ?? [];
  });
  return { steps, listing };
}

const digest = new ListedDigest();
const table = { schema: 'shop', table: 'orders' };

test('MariaDB: transactions by shape and GTID, hints, coordinates of the source', () => {
  const { steps, listing } = read([
    'Format_desc | 2 | 256 | Server ver: 10.11.19-MariaDB, Binlog ver: 4',
    'Rotate | 1 | 0 | mysql-bin.000002;pos=4',
    'Format_desc | 1 | 256 | Server ver: 10.11.19-MariaDB, Binlog ver: 4',
    'Gtid | 1 | 300 | GTID 0-1-5',
    'Query | 1 | 400 | use `shop`; drop view if exists `meta`.`_pseudo_gtid_hint__asc:6B01F8DB:0000000000000001:317ACA46`',
    'Gtid | 1 | 442 | BEGIN GTID 0-1-6',
    'Table_map | 1 | 499 | table_id: 18 (shop.orders)',
    'Delete_rows_v1 | 1 | 541 | table_id: 18',
    'Delete_rows_v1 | 1 | 560 | table_id: 18 flags: STMT_END_F',
    'Xid | 1 | 572 | COMMIT /* xid=21 */',
    'Rotate | 2 | 866 | relay-bin.000005;pos=4',
  ]);
  digest.rows('delete', table);
  expect(steps).toEqual([
    expect.objectContaining({ kind: 'hint', end: { file: 'mysql-bin.000002', position: 400 }, serverId: 1 }),
    {
      kind: 'transaction',
      identity: listedIdentity('0-1-6', digest.take()),
      gtid: '0-1-6',
      start: { file: 'mysql-bin.000002', position: 400 },
      end: { file: 'mysql-bin.000002', position: 572 },
      errant: false,
      deliverable: true,
    },
  ]);
  expect(listing.place).toEqual({ file: 'mysql-bin.000002', position: 572 });
});

test('MySQL without GTIDs: statements without the comment that the listing adds', () => {
  const { steps } = read([
    'Rotate | 1 | 0 | bin.1;pos=4',
    "Anonymous_Gtid | 1 | 237 | SET @@SESSION.GTID_NEXT= 'ANONYMOUS'",
    'Query | 1 | 312 | use `shop`; CREATE TABLE t (id INT) /* xid=12 */',
    "Anonymous_Gtid | 1 | 400 | SET @@SESSION.GTID_NEXT= 'ANONYMOUS'",
    'Query | 1 | 475 | BEGIN',
    'Table_map | 1 | 500 | table_id: 106 (shop.orders)',
    'Write_rows | 1 | 540 | table_id: 106 flags: STMT_END_F USE_SQL_FOREIGN_KEY_F',
    'Update_rows | 1 | 580 | table_id: 106 flags: STMT_END_F',
    'Xid | 1 | 611 | COMMIT /* xid=14 */',
  ]);
  digest.statement({ schema: 'any', sql: 'CREATE TABLE t (id INT)' });
  const create = listedIdentity(null, digest.take());
  digest.rows('insert', table);
  digest.rows('update', table);
  expect(steps.map((step) => (step.kind === 'transaction' ? step.identity : null))).toEqual([
    create,
    listedIdentity(null, digest.take()),
  ]);
});

test('a transaction that was cut off, and comes again from its beginning, is one', () => {
  const { steps } = read([
    'Rotate | 1 | 0 | bin.1;pos=4',
    "Gtid | 1 | 237 | SET @@SESSION.GTID_NEXT= 'aa:1'",
    'Query | 1 | 300 | BEGIN',
    'Table_map | 1 | 400 | table_id: 106 (shop.orders)',
    'Write_rows | 1 | 440 | table_id: 106 flags: STMT_END_F',
    'Rotate | 1 | 0 | bin.1;pos=160',
    "Gtid | 1 | 237 | SET @@SESSION.GTID_NEXT= 'aa:1'",
    'Query | 1 | 300 | BEGIN',
    'Table_map | 1 | 400 | table_id: 106 (shop.orders)',
    'Write_rows | 1 | 440 | table_id: 106 flags: STMT_END_F',
    'Xid | 1 | 471 | COMMIT /* xid=14 */',
  ]);
  digest.rows('insert', table);
  expect(steps.map((step) => (step.kind === 'transaction' ? step.identity : null))).toEqual([
    listedIdentity('aa:1', digest.take()),
  ]);
});

const identities = (steps: readonly HistoryStep[]): unknown[] =>
  steps.map((step) => (step.kind === 'transaction' ? step.identity : null));

test('MariaDB: what was rolled back is no part of it, a group or behind a savepoint', () => {
  const { steps, listing } = read([
    'Rotate | 1 | 0 | mysql-bin.000002;pos=4',
    'Gtid | 1 | 42 | BEGIN GTID 0-1-6',
    'Table_map | 1 | 99 | table_id: 18 (shop.orders)',
    'Write_rows_v1 | 1 | 141 | table_id: 18 flags: STMT_END_F',
    'Query | 1 | 200 | use `shop`; CREATE TEMPORARY TABLE tt (a INT)',
    'Query | 1 | 272 | ROLLBACK',
    'Gtid | 1 | 300 | GTID 0-1-7',
    'Query | 1 | 400 | use `shop`; DROP /*!40005 TEMPORARY */ TABLE IF EXISTS `tt`',
    'Gtid | 1 | 442 | BEGIN GTID 0-1-8',
    'Table_map | 1 | 499 | table_id: 18 (shop.orders)',
    'Write_rows_v1 | 1 | 541 | table_id: 18 flags: STMT_END_F',
    'Query | 1 | 560 | SAVEPOINT `s`',
    'Table_map | 1 | 599 | table_id: 18 (shop.orders)',
    'Delete_rows_v1 | 1 | 641 | table_id: 18 flags: STMT_END_F',
    'Query | 1 | 660 | ROLLBACK TO `s`',
    'Table_map | 1 | 699 | table_id: 18 (shop.orders)',
    'Update_rows_v1 | 1 | 741 | table_id: 18 flags: STMT_END_F',
    'Xid | 1 | 772 | COMMIT /* xid=21 */',
  ]);
  digest.rows('insert', table);
  digest.rows('update', table);
  expect(identities(steps)).toEqual([listedIdentity('0-1-8', digest.take())]);
  expect(listing.place.position).toBe(772);
});

test('MariaDB: an ALTER TABLE in two phases counts at its commit', () => {
  const { steps } = read([
    'Rotate | 1 | 0 | mysql-bin.000002;pos=4',
    'Gtid | 1 | 42 | GTID 0-1-115 START ALTER',
    'Query | 1 | 99 | use `shop`; ALTER TABLE t ADD x INT',
    'Gtid | 1 | 142 | GTID 0-1-116 COMMIT ALTER id=115',
    'Query | 1 | 199 | use `shop`; ALTER TABLE t ADD x INT',
    'Gtid | 1 | 242 | GTID 0-1-117 START ALTER',
    'Query | 1 | 299 | use `shop`; ALTER TABLE t ADD UNIQUE (v)',
    'Gtid | 1 | 342 | GTID 0-1-118 ROLLBACK ALTER id=117',
    'Query | 1 | 399 | use `shop`; ALTER TABLE t ADD UNIQUE (v)',
  ]);
  digest.statement({ schema: '', sql: 'ALTER TABLE t ADD x INT' });
  expect(identities(steps)).toEqual([listedIdentity('0-1-116', digest.take())]);
});

test('XA: what is prepared, and the outcome, as the log has them', () => {
  const { steps } = read([
    'Rotate | 1 | 0 | mysql-bin.000002;pos=4',
    "Gtid | 1 | 42 | XA START X'6f6e65',X'74776f',7 GTID 0-1-100",
    'Table_map | 1 | 99 | table_id: 18 (shop.orders)',
    'Write_rows_v1 | 1 | 141 | table_id: 18 flags: STMT_END_F',
    "Query | 1 | 199 | XA END X'6f6e65',X'74776f',7",
    "XA_prepare | 1 | 242 | XA PREPARE X'6f6e65',X'74776f',7",
    'Gtid | 1 | 299 | GTID 0-1-101',
    "Query | 1 | 342 | XA COMMIT X'6f6e65',X'74776f',7",
  ]);
  digest.rows('insert', table);
  const prepared = listedIdentity('0-1-100', digest.take());
  digest.statement({ schema: '', sql: "XA COMMIT X'6f6e65',X'74776f',7" });
  expect(identities(steps)).toEqual([prepared, listedIdentity('0-1-101', digest.take())]);
});
