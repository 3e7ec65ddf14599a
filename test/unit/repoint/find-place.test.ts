import { expect, test } from 'vitest';
import { defaultHintFormat } from '../../../src/hints/hint.js';
import { findPlace, positioningBelow } from '../../../src/repoint/find-place.js';
import { channelOf, lookOf } from './looks.js';

const to = { file: 'other-bin.000001', position: 400 };
const position = { by: 'position', ...to };
const mysql = (number: number, gtidMode: string) => lookOf(number, { version: '8.0.36', gtidMode });

test.each([
  ['MariaDB by slave_pos', lookOf(3), 'slave_pos', lookOf(2), { by: 'gtid', mariadbPosition: 'slave_pos' }],
  [
    'MariaDB by current_pos',
    lookOf(3),
    'current_pos',
    lookOf(2),
    { by: 'gtid', mariadbPosition: 'current_pos' },
  ],
  ['MariaDB that goes by position', lookOf(3), null, lookOf(2), position],
  ['MariaDB by GTID below MySQL', lookOf(3), 'slave_pos', mysql(2, 'ON'), position],
  [
    'MySQL by GTID',
    mysql(3, 'ON'),
    'slave_pos',
    mysql(2, 'ON'),
    { by: 'gtid', mariadbPosition: 'slave_pos' },
  ],
  [
    'MySQL by GTID below one that permits others',
    mysql(3, 'ON'),
    'slave_pos',
    mysql(2, 'ON_PERMISSIVE'),
    position,
  ],
  ['MySQL by position', mysql(3, 'ON'), null, mysql(2, 'ON'), position],
] as const)('how it goes on: %s', (_name, replica, gtid, target, expected) => {
  const channel = channelOf({ byGtid: gtid !== null, mariadbPosition: gtid ?? 'slave_pos' });
  expect(positioningBelow(replica, channel, target, { to })).toEqual(expected);
});

test('without a log of its own and nothing applied of its source, its place is not known', async () => {
  // What a server says between a change of source by GTID and the start, where an earlier run was killed.
  const channel = channelOf({ byGtid: true, executed: { file: '', position: 0 } });
  const replica = lookOf(3, { logsReplicatedChanges: false }, [channel]);
  const { signal } = new AbortController();
  await expect(findPlace(replica, lookOf(2), { format: defaultHintFormat, signal })).rejects.toMatchObject({
    code: 'replication',
    message:
      'db3:3306 writes no log of what it replicates, and has applied nothing of db1:3306 yet, so its place is not ' +
      'known. Start its replication (START REPLICA, START SLAVE), and try again',
  });
});
