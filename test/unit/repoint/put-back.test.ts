import { expect, test } from 'vitest';
import type { ReplicaStatus } from '../../../src/mysql/replica-status.js';
import { knownReturn, type MoveState } from '../../../src/repoint/put-back.js';
import { channelOf } from './looks.js';

const left = { file: 'mysql-bin.000003', position: 1000 };
const sent = { file: 'other-bin.000001', position: 400 };
const byPosition: MoveState = { stoppedAt: left, sentTo: { by: 'position', ...sent } };
const byGtid: MoveState = { stoppedAt: left, sentTo: { by: 'gtid', mariadbPosition: 'slave_pos' } };
const former = channelOf();
const gtid = channelOf({ byGtid: true, mariadbPosition: 'current_pos' });
const home = channelOf({ executed: left });
const away = (position: number): ReplicaStatus =>
  channelOf({ sourceHost: 'db2', executed: { ...sent, position } });

test.each([
  ['the change of source never came through', former, byPosition, home, null],
  ['nor by GTID', gtid, byGtid, home, null],
  ['it has applied nothing there', former, byPosition, away(400), { by: 'position', ...left }],
  ['it has applied something there', former, byPosition, away(900), 'to-be-found'],
  ['by GTID, both ways', gtid, byGtid, away(900), { by: 'gtid', mariadbPosition: 'current_pos' }],
  [
    'by GTID, sent by position, and nothing applied',
    gtid,
    byPosition,
    away(400),
    { by: 'gtid', mariadbPosition: 'current_pos' },
  ],
  // Its GTID position doesn't know what it has applied of a server that has no GTIDs of its kind.
  ['by GTID, sent by position, and something applied', gtid, byPosition, away(900), 'to-be-found'],
])('%s', (_name, channel, state, status, expected) => {
  expect(knownReturn(channel, state, status)).toEqual(expected);
});
