import { expect, test } from 'vitest';
import { isAway, type Patience, patienceWith } from '../../../src/resume/retries.js';
import { type ErrorCode, WaymarkError } from '../../../src/util/errors.js';

/** Of every code, whether a candidate that failed with it is tried again, and why. */
const patience: Readonly<Record<ErrorCode, readonly [Patience, string]>> = {
  'server-unreachable': ['endless', 'it may come back'],
  'stream-broken': ['endless', 'it went away while it was read'],
  'stream-silent': ['endless', 'it stood still while it was read'],
  'unsuitable-server': ['endless', 'settings and replication change'],
  coordinates: ['bounded', 'a file was purged between the list and its reading'],
  protocol: ['bounded', 'the log of a crashed server may end anywhere; the way may have damaged it'],
  checksum: ['bounded', 'the way may have damaged it'],
  'unsupported-event': [
    'bounded',
    'it stands before the place, and the trail moves on while others are read',
  ],
  'access-denied': ['bounded', 'accounts are mended while others are tried'],
  'missing-grant': ['bounded', 'grants are given while others are tried'],
  spool: ['bounded', 'our own disk is freed while others are tried'],
  diverged: ['none', 'the log says so'],
  'no-trail': ['none', 'nothing can be looked for'],
  'not-found': ['none', 'the whole log was read'],
  purged: ['none', 'it does not come back'],
  behind: ['none', 'it is waited for where it is found'],
  'server-behind': ['none', 'correlate’s'],
  'out-of-order': ['none', 'correlate’s'],
  usage: ['none', 'no candidate’s'],
  config: ['none', 'no candidate’s'],
  'no-candidate': ['none', 'no candidate’s'],
  'switch-refused': ['none', 'no candidate’s'],
  'checkpoint-damaged': ['none', 'no candidate’s'],
  'checkpoint-foreign': ['none', 'no candidate’s'],
  'checkpoint-conflict': ['none', 'no candidate’s'],
  'checkpoint-store': ['none', 'no candidate’s'],
  'election-store': ['none', 'no candidate’s'],
  'not-leader': ['none', 'no candidate’s'],
  sink: ['none', 'no candidate’s'],
  refused: ['none', 'no candidate’s'],
  replication: ['none', 'no candidate’s'],
  'not-put-back': ['none', 'no candidate’s'],
  interrupted: ['none', 'no candidate’s'],
  'agent-unreachable': ['none', 'no candidate’s'],
  'token-refused': ['none', 'no candidate’s'],
  conditions: ['none', 'no candidate’s'],
  'missing-table': ['none', 'no candidate’s'],
};

test.each(Object.entries(patience))('%s: %j', (code, [expected]) => {
  const error = new WaymarkError(code as ErrorCode, code);
  expect(patienceWith(error)).toBe(expected);
  // Who is away is always waited for.
  if (isAway(error)) expect(expected).toBe('endless');
});

test('a server is away that can’t be reached, went away, or hangs', () => {
  const away = Object.keys(patience).filter((code) => isAway(new WaymarkError(code as ErrorCode, code)));
  expect(away).toEqual(['server-unreachable', 'stream-broken', 'stream-silent']);
  expect(isAway(new TypeError('a mistake'))).toBe(false);
});

test('what nobody has foreseen is not tried again', () => {
  expect(patienceWith(new TypeError('a mistake'))).toBe('none');
});
