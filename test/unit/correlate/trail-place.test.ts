import { describe, expect, test } from 'vitest';
import type { InspectedServer } from '../../../src/correlate/result.js';
import { lacksForGood } from '../../../src/correlate/trail-place.js';
import type { HistoryStep } from '../../../src/matching/match-state.js';
import type { ReplicaStatus } from '../../../src/mysql/replica-status.js';
import { channelOf, lookOf } from '../repoint/looks.js';

/** A server that commits in any order; its log ends at 400. */
function server(...channels: ReplicaStatus[]): InspectedServer {
  return lookOf(2, { keepsCommitOrder: false }, channels);
}

const later = (position: number, file = 'mysql-bin.000001'): HistoryStep => ({
  kind: 'transaction',
  identity: { digest: 1n, second: 1, origin: 'c:1' },
  start: { file, position: 4 },
  end: { file, position },
  errant: false,
  deliverable: true,
});

const at = { file: 'mysql-bin.000001', position: 400 };
const level = channelOf();
const stopped = channelOf({ applierRunning: false });
const busy = channelOf({ received: { file: 'mysql-bin.000003', position: 2000 } });
const gaps = channelOf({ domainsLevel: false });

describe('what a server lacks that has something later', () => {
  test.each([
    ['it has applied all that came, the other one stands still', server(stopped), server(level), true],
    ['it is at work', server(stopped), server(busy), false],
    ['one of its domains is at work', server(stopped), server(gaps), false],
    ['the other one may have gaps itself', server(level), server(level), false],
    ['the other one is the source', server(), server(level), true],
    ['it is the source itself', server(stopped), server(), true],
  ])('%s: %#', (_name, from, to, expected) => {
    expect(lacksForGood([later(300)], { from, at, to })).toBe(expected);
  });

  test('nothing is said of what came after the look, of nothing later, or of a place before the end', () => {
    const pair = { from: server(stopped), at, to: server(level) };
    expect(lacksForGood([later(500)], pair)).toBe(false);
    expect(lacksForGood([later(300, 'mysql-bin.000002')], pair)).toBe(false);
    expect(lacksForGood([later(500), later(400)], pair)).toBe(true);
    expect(lacksForGood([], pair)).toBe(false);
    expect(lacksForGood([later(300)], { ...pair, at: { ...at, position: 200 } })).toBe(false);
  });
});
