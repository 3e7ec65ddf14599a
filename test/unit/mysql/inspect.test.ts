import { expect, test } from 'vitest';
import { commitsInOneOrder, getsMore } from '../../../src/mysql/inspect.js';
import { areDomainsLevel, hasAppliedAll } from '../../../src/mysql/server-facts.js';
import { channelOf, lookOf } from '../repoint/looks.js';

test.each([
  ['one domain', '0-1-7', {}, true],
  ['nothing yet', '', {}, true],
  ['two domains', '0-1-7,3-1-2', {}, false],
  ['MySQL, several UUIDs', 'uuid-a:1-7,uuid-b:1', { version: '8.0.36' }, true],
  ['MySQL with parallel appliers', '', { version: '8.0.36', keepsCommitOrder: false }, false],
])('one order: %s', (_name, gtidSet, facts, expected) => {
  expect(commitsInOneOrder(lookOf(2, { gtidSet, ...facts }).inspection)).toBe(expected);
});

test('several sources come in any order', () => {
  const two = [channelOf(), channelOf({ name: 'other' })];
  expect(commitsInOneOrder(lookOf(2, {}, two).inspection)).toBe(false);
});

test('a domain whose last transaction has come and has not been applied', () => {
  expect(areDomainsLevel('0-1-7,3-1-2', '3-1-2,0-1-7')).toBe(true);
  expect(areDomainsLevel('0-1-7,3-1-2', '3-1-2,0-1-6')).toBe(false);
  expect(areDomainsLevel('0-1-7,3-1-2', '3-1-2')).toBe(false);
  // One domain: the place says it; a slave_pos that hasn't moved yet says nothing.
  expect(areDomainsLevel('0-1-7', '')).toBe(true);
  expect(areDomainsLevel('', '')).toBe(true);
  expect(hasAppliedAll(channelOf())).toBe(true);
  expect(hasAppliedAll(channelOf({ domainsLevel: false }))).toBe(false);
  expect(hasAppliedAll(channelOf({ received: { file: 'mysql-bin.000004', position: 1000 } }))).toBe(false);
});

test('who gets more can be waited for', () => {
  expect(getsMore(lookOf(2).inspection)).toBe(true);
  expect(getsMore(lookOf(2, {}, []).inspection)).toBe(false);
  expect(getsMore(lookOf(2, {}, [channelOf({ receiverRunning: false })]).inspection)).toBe(false);
  expect(getsMore(lookOf(2, {}, [channelOf({ applierRunning: false })]).inspection)).toBe(false);
});
