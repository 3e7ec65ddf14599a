import { describe, expect, test } from 'vitest';
import type { ReplicaStatus } from '../../../src/mysql/replica-status.js';
import {
  compareReceived,
  type MovableReplica,
  movableReplicas,
  mostAdvanced,
} from '../../../src/regroup/choice.js';
import { channelOf, lookOf } from '../repoint/looks.js';

const dead = 'db1:3306';

function member(
  number: number,
  position: number,
  facts: Parameters<typeof lookOf>[1] = {},
  change: Partial<ReplicaStatus> = {},
): MovableReplica {
  const channel = channelOf({ received: { file: 'mysql-bin.000003', position }, ...change });
  return { look: lookOf(number, facts, [channel]), channel };
}

function chosen(...members: MovableReplica[]): string | null {
  return mostAdvanced(members, dead, new Set())?.look.server ?? null;
}

describe('mostAdvanced', () => {
  test('the one that got most, whatever it has applied', () => {
    const slow = { executed: { file: 'mysql-bin.000001', position: 4 } };
    expect(chosen(member(2, 500), member(3, 700, {}, slow), member(4, 600))).toBe('db3:3306');
  });

  test('only one that can be a source, and is not delayed on purpose', () => {
    const silent = member(2, 900, { logsReplicatedChanges: false });
    const delayed = member(3, 800, {}, { delaySeconds: 60 });
    expect(chosen(silent, delayed, member(4, 10))).toBe('db4:3306');
    expect(chosen(silent, delayed)).toBeNull();
  });

  test('of equals the one that the others can go below', () => {
    const newer = member(2, 500, { version: '11.8.6-MariaDB' });
    expect(chosen(newer, member(3, 500), member(4, 500))).toBe('db3:3306');
  });

  test('the one that others are below already, when an earlier run was killed', () => {
    const moved = member(2, 900, {}, { sourceHost: 'db3', received: { file: 'other.000009', position: 9 } });
    expect(chosen(moved, member(3, 500), member(4, 600))).toBe('db3:3306');
  });
});

test('files are in the order of their numbers, also where these get longer', () => {
  const files = ['b.000009', 'b.000010', 'b.999999', 'b.1000000'];
  const places = files.flatMap((file) => [4, 900].map((position) => ({ file, position })));
  const unknown = { file: '', position: 4 };
  expect([...places.toReversed(), unknown].toSorted(compareReceived)).toEqual([unknown, ...places]);
});

describe('membersOf', () => {
  test('what replicates from elsewhere is told apart', () => {
    const looks = [
      lookOf(2),
      lookOf(3, {}, [channelOf({ sourceHost: 'db9' })]),
      lookOf(4, {}, [channelOf({ sourceHost: 'db2' })]),
      lookOf(5, {}, []),
      lookOf(6, {}, [channelOf({ sourceHost: 'db7' })]),
    ];
    const { members, unusable } = movableReplicas(looks, dead, lookOf(7));
    expect(members.map(({ look }) => look.server)).toEqual(['db2:3306', 'db4:3306', 'db6:3306']);
    expect(unusable.map(({ refusal }) => refusal.reason)).toEqual(['elsewhere', 'not-a-replica']);
    expect(unusable[0]?.refusal.message).toBe('db3:3306 replicates from db9:3306, and not from db1:3306');
  });
});
