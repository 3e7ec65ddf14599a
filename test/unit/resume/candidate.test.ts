import { expect, test } from 'vitest';
import { ordersOf, type StreamHistory } from '../../../src/resume/candidate.js';

function history(ordered: boolean, deliveredBehind = 0): StreamHistory {
  const coordinates = { file: 'mysql-bin.000001', position: 4 };
  const place = { serverId: 1, uuid: '', coordinates, deliveredBehind, sequence: 0, binlogServer: false };
  return { trail: [], near: null, ordered, anchors: 'hint', delivered: null, filters: null, place };
}

test('on the same server the trail stands in its order; else, or if it does not, as the servers keep it', () => {
  expect(ordersOf(history(false), true)).toEqual([
    { trailOrdered: false, sameLog: true },
    { trailOrdered: false },
  ]);
  expect(ordersOf(history(true), false)).toEqual([{ trailOrdered: true }]);
});

test('what the sink held may be of another server than the checkpoint says', () => {
  expect(ordersOf(history(true, 3), false)).toEqual([{ trailOrdered: true }, { trailOrdered: false }]);
  expect(ordersOf(history(false, 3), false)).toEqual([{ trailOrdered: false }]);
});
