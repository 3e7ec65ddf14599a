import { expect, test } from 'vitest';
import type { Inspection } from '../../../src/mysql/inspect.js';
import type { TrailEntry } from '../../../src/matching/trail.js';
import { type NearTrail, nearTrailFor } from '../../../src/resume/near-place.js';
import { inspectionOf } from '../matching/servers.js';

const coordinates = { file: 'mysql-bin.000001', position: 4 };

function transactions(count: number): TrailEntry[] {
  return Array.from({ length: count }, (_, index) => ({
    kind: 'transaction',
    identity: { digest: BigInt(index), second: 1, origin: `g:0-1-${index + 1}` },
  }));
}

const trail = transactions(400);
const near: NearTrail = { gtid: '0-1-301', coordinates, entries: trail.slice(300), sourceServerId: 1 };
const history = { trail, near, ordered: true, anchors: 'hint', place: { sequence: 5 } } as const;

function server(facts: Partial<Inspection['facts']> = {}): Inspection {
  return inspectionOf({ facts: { gtidSet: '0-1-500', ...facts } });
}

test('the near end is used where both servers keep one order, and it saves much', () => {
  expect(nearTrailFor(history, server())).toBe(near);
  expect(nearTrailFor({ ...history, trail: trail.slice(1) }, server())).toBeNull();
  expect(nearTrailFor({ ...history, near: null }, server())).toBeNull();
  expect(nearTrailFor({ ...history, ordered: false }, server())).toBeNull();
  expect(nearTrailFor({ ...history, anchors: 'gtid' }, server())).toBeNull();
});

test('nor where the server has no such GTID, or none that says anything', () => {
  expect(nearTrailFor(history, server({ gtidSet: '0-1-300' }))).toBeNull();
  expect(nearTrailFor(history, server({ gtidSet: '' }))).toBeNull();
  expect(nearTrailFor(history, server({ gtids: 'own' }))).toBeNull();
  expect(nearTrailFor(history, server({ gtidSet: '0-1-500,7-1-3' }))).toBeNull();
  expect(nearTrailFor(history, server({ keepsCommitOrder: false }))).toBeNull();
});
