import { expect, test } from 'vitest';
import { diagnose } from '../../../src/failover/diagnosis.js';
import { evidenceOf } from '../../../src/pool/evidence.js';
import { answers, sight } from './sights.js';

const refused = { begunMs: 0, at: 0, outcome: 'refused', reason: 'nothing listens there' } as const;

test('a server that doesn’t answer keeps the id that it had', () => {
  expect(evidenceOf(refused, 100)).toMatchObject({ serverId: 100, uuid: null, reachable: false });
  expect(evidenceOf(refused, null)).toMatchObject({ serverId: null });
});

test('a dead source is known by its id where a replica has another address for it', () => {
  const replica = sight('db1:3306', answers({ source: 'proxy:3306', receiverRunning: false }));
  const found = (lastServerId: number | null) =>
    diagnose({
      ...{ server: 'db1:3306', stream: { error: null, silentMs: 0 }, stalledAfterMs: 60_000 },
      sights: [replica, sight('db0:3306', evidenceOf(refused, lastServerId))],
    }).finding;
  expect(found(100)).toBe('source-down');
  // It has never been seen alive.
  expect(found(null)).toBe('healthy');
});
