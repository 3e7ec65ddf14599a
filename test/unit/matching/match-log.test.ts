import { expect, test } from 'vitest';
import { isOrdered } from '../../../src/matching/match-log.js';
import type { TrailEntry } from '../../../src/matching/trail.js';
import { hintFromToken } from '../../../src/hints/hint.js';
import type { Inspection } from '../../../src/mysql/inspect.js';
import { tokenOf } from './simulated-history.js';
import { inspectionOf } from './servers.js';

const hint: TrailEntry = {
  kind: 'hint',
  hint: hintFromToken(tokenOf(1)),
  coordinates: { file: 'mysql-bin.000001', position: 4 },
};

const trailOf = (...origins: string[]): TrailEntry[] => [
  hint,
  ...origins.map((origin): TrailEntry => ({
    kind: 'transaction',
    identity: { digest: 1n, second: 1, origin },
  })),
];

const oneOrder = inspectionOf({});
const oneDomain = trailOf('g:0-1-1', 'g:0-2-2', 'g:0-1-3');

test.each<[string, boolean, { trail?: TrailEntry[]; inspection?: Inspection; trailOrdered?: boolean }]>([
  ['both servers keep the order of one domain', true, {}],
  ['nothing has been delivered yet', true, { trail: [] }],
  ['the trail is of a server that does not keep it', false, { trailOrdered: false }],
  [
    'the candidate does not keep it',
    false,
    { inspection: inspectionOf({ facts: { keepsCommitOrder: false } }) },
  ],
  ['the candidate has two sources', false, { inspection: inspectionOf({ channels: 2 }) }],
  [
    'the candidate has had two domains',
    false,
    { inspection: inspectionOf({ facts: { gtidSet: '0-1-100,1-1-7' } }) },
  ],
  ['the trail has two domains, the second a newer one', false, { trail: trailOf('g:0-1-1', 'g:1-1-1') }],
  ['the trail has two domains, from the log of a replica', false, { trail: trailOf('l:0-1-1', 'l:12-1-1') }],
  ['one domain, however it was written down', true, { trail: trailOf('g:7-1-1', 'l:7-1-2') }],
  ['other marks name no domain', true, { trail: trailOf('c:5', 'c:6', 'u:0-1-2:5', 'xg:1-1-1', '') }],
])('%s: in one order %s', (_name, expected, change) => {
  const given = { trail: oneDomain, inspection: oneOrder, trailOrdered: true, ...change };
  expect(isOrdered(given)).toBe(expected);
  // The log that the trail was read from is in its own order.
  expect(isOrdered({ ...given, sameLog: true })).toBe(true);
});
