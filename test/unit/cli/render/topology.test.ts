import { expect, test } from 'vitest';
import { renderTopology } from '../../../../src/cli/render/topology.js';
import { hintFromToken } from '../../../../src/hints/hint.js';
import { parseAddress } from '../../../../src/config/address.js';
import type { SurveyedServer } from '../../../../src/topology/surveyed-server.js';
import { reportServer } from '../../../../src/topology/report.js';
import { buildTopology } from '../../../../src/topology/tree.js';
import { parseServerVersion } from '../../../../src/mysql/version.js';
import { alive, channel, dead } from '../../topology/surveyed-servers.js';

const nowMs = 0x6b01_f8db * 1000 + 4000;
const hint = hintFromToken('asc:6B01F8DB:0000000000000006:317ACA46');

function show(looks: readonly SurveyedServer[]): string[] {
  const { roots, servers } = buildTopology(looks, [parseAddress('db1')]);
  const reports = servers.map((server) =>
    reportServer(server, server.look.state === 'dead' ? null : { hint, serverId: 1 }, nowMs),
  );
  return renderTopology({ roots, servers: reports }).split('\n');
}

test('a tree', () => {
  const base = alive('db3').facts;
  const mysql = {
    ...base,
    version: parseServerVersion('9.7.4'),
    readOnly: true,
    logsReplicatedChanges: false,
  };
  expect(
    show([
      alive('db1', { replicas: ['db2', 'db3', 'db4'] }),
      alive('db2', { sources: ['db1'] }),
      alive('db3', {
        facts: mysql,
        gtids: false,
        channels: [
          channel('db1', {
            receiverState: 'Connecting',
            lagSeconds: null,
            delaySeconds: 3600,
            lastError: 'no route to host',
          }),
        ],
      }),
      dead('db4'),
      alive('db5', { channels: [channel('db2', { byGtid: true, applierRunning: false })] }),
    ]),
  ).toEqual([
    'db1:3306        MariaDB 10.11.19  ROW  writable                                                              GTIDs     hint 4 s old',
    '├─ db2:3306     MariaDB 10.11.19  ROW  writable   lag 0 s                 threads run                        GTIDs     hint 4 s old',
    '│  └─ db5:3306  MariaDB 10.11.19  ROW  writable   lag 0 s                 receiver runs, applier stopped     by GTID   hint 4 s old',
    '├─ db3:3306     MySQL 9.7.4       ROW  read-only  lag ? (delayed by 1 h)  receiver connecting, applier runs  no GTIDs  hint 4 s old',
    '                ! no route to host',
    "                ! doesn't log what it replicates: nothing can replicate from it",
    '└─ db4:3306     dead: connect ECONNREFUSED',
  ]);
});

test('several sources, and a ring: who was shown is not shown again', () => {
  const lines = show([
    alive('db1', { sources: ['db2'] }),
    alive('db2', { sources: ['db1'] }),
    alive('db3', { sources: ['db1', 'db2'] }),
  ]).map((line) => line.replace(/(:3306)(?: +(\(shown above\))| .*)$/, '$1 $2').trimEnd());
  expect(lines).toEqual([
    'db1:3306',
    '├─ db2:3306',
    '│  ├─ db1:3306 (shown above)',
    '│  └─ db3:3306',
    '└─ db3:3306 (shown above)',
  ]);
});
