import { describe, expect, test } from 'vitest';
import type { Look } from '../../../src/repoint/look.js';
import { type Force, proofRefusal, refusalError, refusalOf } from '../../../src/repoint/refusal.js';
import type { Ancestor } from '../../../src/repoint/source-chain.js';
import { channelOf, lookOf } from './looks.js';

const none = new Set<Force>();

function refusal(
  replica: Look,
  target: Look,
  options: { above?: readonly Ancestor[]; forced?: readonly Force[] } = {},
): { reason: string; message: string } | null {
  const { above = [], forced = [] } = options;
  return refusalOf({ replica, target, above }, new Set(forced));
}

const ancestor = (number: number, through: readonly string[] = []): Ancestor => ({
  server: `db${number}:3306`,
  serverId: number,
  uuid: `uuid-${number}`,
  through,
});

describe('refusalOf', () => {
  test('nothing against a replica below its sibling, its source, or a source without log_slave_updates', () => {
    expect(refusal(lookOf(3), lookOf(2), { above: [ancestor(1)] })).toBeNull();
    expect(refusal(lookOf(3), lookOf(1, { logsReplicatedChanges: false }, []))).toBeNull();
  });

  test('no replica is told to go through a socket of this machine', () => {
    const look = lookOf(2);
    const target = {
      ...look,
      instance: { ...look.instance, address: { host: '/run/mysqld.sock', port: 0 } },
    };
    expect(refusal(lookOf(3), target)?.reason).toBe('unix-socket');
  });

  test('the same server, also under another name', () => {
    expect(refusal(lookOf(3), lookOf(3))).toEqual({
      reason: 'same-server',
      message: 'they are the same server. Name another one with --below',
    });
    expect(refusal(lookOf(3), { ...lookOf(3), server: '10.0.0.3:3306' })?.reason).toBe('same-server');
    expect(refusal(lookOf(3), lookOf(2, { serverId: 3 }))).toEqual({
      reason: 'same-server-id',
      message: 'both have server_id 3, and a replica refuses events with its own. Give each its own',
    });
  });

  test('the target replicates from the replica, directly or not', () => {
    expect(refusal(lookOf(2), lookOf(3), { above: [ancestor(2), ancestor(1, ['db2:3306'])] })).toEqual({
      reason: 'target-replicates-from-replica',
      message:
        'db3:3306 replicates from db2:3306 itself, and neither would get anything new. Move db3:3306 away first',
    });
    const indirect = refusal(lookOf(2), lookOf(4), { above: [ancestor(3), ancestor(2, ['db3:3306'])] });
    expect(indirect?.message).toContain('db4:3306 replicates from db2:3306 itself (through db3:3306)');
    // Known under another name, and not to be asked.
    const byId = { server: 'alias:3306', serverId: 2, uuid: '', through: [] };
    expect(refusal(lookOf(2), lookOf(3), { above: [byId] })?.reason).toBe('target-replicates-from-replica');
  });

  test('the target writes nothing that a replica could get', () => {
    expect(refusal(lookOf(3), lookOf(2, { logsReplicatedChanges: false }))).toEqual({
      reason: 'target-logs-nothing',
      message:
        "db2:3306 doesn't write what it replicates to its binary log (log_slave_updates " +
        'is OFF), so nothing would come from it. Set it in its option file and restart it, or choose another server',
    });
    expect(refusal(lookOf(3), lookOf(1, { binaryLogging: false }, []))?.message).toContain(
      '(log_bin is OFF)',
    );
  });

  test('a server that replicates from nobody, from several, or has an error', () => {
    expect(refusal(lookOf(3, {}, []), lookOf(2))?.message).toMatch(
      /^db3:3306 is not a replica, so there is no account/,
    );
    const two = [channelOf({ name: 'a' }), channelOf({ name: 'b', sourceHost: 'db9' })];
    expect(refusal(lookOf(3, {}, two), lookOf(2))).toEqual({
      reason: 'multi-source',
      message:
        "db3:3306 replicates from several sources (db1:3306, db9:3306), and its log doesn't tell their places apart. " +
        'Move each channel by hand',
    });
    const stopped = channelOf({ applierRunning: false, applierError: 'Duplicate entry 7' });
    expect(refusal(lookOf(3, {}, [stopped]), lookOf(2))).toEqual({
      reason: 'applier-error',
      message: 'the applier of db3:3306 has stopped with an error: Duplicate entry 7. Repair that first',
    });
    // Stopped by hand, or by a run that was killed.
    expect(refusal(lookOf(3, {}, [channelOf({ applierRunning: false })]), lookOf(2))).toBeNull();
  });

  test('a binlog server', () => {
    const copy = lookOf(3);
    const { facts } = copy.inspection;
    const version = { ...facts.version, binlogServer: true } as const;
    const look = { ...copy, inspection: { ...copy.inspection, facts: { ...facts, version } } };
    expect(refusal(look, lookOf(2))).toEqual({
      reason: 'binlog-server',
      message: "db3:3306 is a binlog server, a copy of its source's logs: it is neither moved nor promoted",
    });
    expect(refusal(lookOf(2), look)).toBeNull();
  });

  test('MySQL below MariaDB is refused, MariaDB below MySQL is not', () => {
    const mysql = lookOf(3, { version: '9.7.4', gtidMode: 'OFF' });
    expect(refusal(mysql, lookOf(2))).toEqual({
      reason: 'mysql-below-mariadb',
      message:
        "MySQL (db3:3306, 9.7.4) can't replicate from MariaDB (db2:3306, 10.11.19-MariaDB): its receiver stops at " +
        "MariaDB's events",
    });
    expect(refusal(lookOf(2), mysql)).toBeNull();
  });

  test('a newer version above an older one, unless forced; patches are alike', () => {
    const newer = lookOf(2, { version: '11.8.6-MariaDB' });
    expect(refusal(lookOf(3), newer)).toEqual({
      reason: 'newer-above-older',
      message:
        'db2:3306 (11.8.6-MariaDB) is newer than db3:3306 (10.11.19-MariaDB), which may not understand what it logs. ' +
        'Use --force version to do it anyway',
    });
    expect(refusal(lookOf(3), newer, { forced: ['version'] })).toBeNull();
    expect(refusal(lookOf(3), lookOf(2, { version: '10.11.20-MariaDB' }))).toBeNull();
    expect(refusal(lookOf(3), lookOf(2, { version: '10.5.29-MariaDB' }))).toBeNull();
  });

  test('rows above statements, unless forced, or where the replica logs nothing', () => {
    const statements = lookOf(3, { binlogFormat: 'STATEMENT' });
    expect(refusal(statements, lookOf(2))).toEqual({
      reason: 'rows-above-statements',
      message:
        "db2:3306 logs rows (binlog_format is ROW), and db3:3306 can't write these to its own log (binlog_format is " +
        'STATEMENT). Change the format on db3:3306, or use --force format to do it anyway',
    });
    expect(refusal(statements, lookOf(2), { forced: ['format'] })).toBeNull();
    expect(refusal(statements, lookOf(2, { binlogFormat: 'STATEMENT' }))).toBeNull();
    expect(refusal(lookOf(3), lookOf(2, { binlogFormat: 'STATEMENT' }))).toBeNull();
    expect(refusal(lookOf(3, { binlogFormat: 'MIXED' }), lookOf(2))).toBeNull();
    const silent = lookOf(3, { binlogFormat: 'STATEMENT', logsReplicatedChanges: false });
    expect(refusal(silent, lookOf(2))).toBeNull();
  });

  test('gtid_mode: as the MySQL manual has it', () => {
    const modes = ['OFF', 'OFF_PERMISSIVE', 'ON_PERMISSIVE', 'ON'];
    const mysql = (number: number, gtidMode: string): Look => lookOf(number, { version: '8.0.36', gtidMode });
    const table = modes.map((replica) =>
      modes.map((target) => (refusal(mysql(3, replica), mysql(2, target)) === null ? 'Y' : 'N')).join(''),
    );
    expect(table).toEqual(['YYNN', 'YYYY', 'YYYY', 'NNYY']);
    expect(refusal(mysql(3, 'ON'), mysql(2, 'OFF'))?.message).toBe(
      'gtid_mode is ON on db3:3306 and OFF on db2:3306, and the servers refuse that. Bring them closer first ' +
        '(OFF_PERMISSIVE, ON_PERMISSIVE)',
    );
  });

  test('a place that only a hint speaks for, unless forced', () => {
    for (const confidence of ['exact', 'reordered', 'shape'] as const) {
      expect(proofRefusal(confidence, none)).toBeNull();
    }
    expect(proofRefusal('unverified', none)).toEqual({
      reason: 'unverified',
      message:
        'only hints are the same, and nothing after them could be compared: there is nothing, or one of the two logs ' +
        'rows and the other statements. Use --force unverified to do it anyway',
    });
    expect(proofRefusal('unverified', new Set(['unverified']))).toBeNull();
  });

  test('as an error it names both, and the reason for programs', () => {
    const pair = { replica: lookOf(3), target: lookOf(3), above: [] };
    const found = refusalOf(pair, none);
    if (found === null) throw new Error('not refused');
    expect(refusalError(lookOf(3), lookOf(2), found)).toMatchObject({
      code: 'refused',
      message:
        'db3:3306 is not moved below db2:3306: they are the same server. Name another one with --below',
      details: { reason: 'same-server', replica: 'db3:3306', below: 'db2:3306' },
    });
  });
});
