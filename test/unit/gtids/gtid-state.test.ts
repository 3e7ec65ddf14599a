import { describe, expect, test } from 'vitest';
import { GtidState } from '../../../src/gtids/gtid-state.js';

const a = '2c256447-3f0d-431b-9a25-bddf1f1f6ef6';
const b = '3e11fa47-71ca-11e1-9e33-c80aa9429562';

describe('the GTIDs of a log', () => {
  test('of MySQL: a set, with tags and gaps', () => {
    const state = GtidState.parse(`${a}:1-5:9:t:3,${b}:7`);
    state.add(`${a}:6`);
    state.add(`${a}:7`);
    state.add(null);
    expect(state.toString()).toBe(`${a}:1-7:9:t:3,${b}:7`);
    expect([`${a}:7`, `${a}:9`, `${a}:t:3`, `${b}:7`].map((gtid) => state.has(gtid))).not.toContain(false);
    expect([`${a}:8`, `${a}:t:4`, `${b}:1`].map((gtid) => state.has(gtid))).not.toContain(true);
    expect(state.hasSeveralDomains).toBe(false);
  });

  test('of MariaDB: the last number of each pair of domain and server', () => {
    const state = GtidState.parse('0-1-42,0-77-500,0-78-300');
    state.add('0-77-600');
    expect(state.toString()).toBe('0-1-42,0-77-600,0-78-300');
    expect(['0-1-42', '0-78-299', '0-77-501'].map((gtid) => state.has(gtid))).toEqual([true, true, true]);
    expect(['0-1-43', '0-78-301', '1-1-1'].map((gtid) => state.has(gtid))).toEqual([false, false, false]);
    // A server of long ago, of which the log has nothing any more; and one whose transactions are still to come.
    expect([state.has('0-5-10'), state.has('0-5-601')]).toEqual([true, false]);
    expect(state.hasSeveralDomains).toBe(false);
    state.add('4-1-1');
    expect(state.hasSeveralDomains).toBe(true);
  });

  test.each([
    [`${a}:1-5`, `${a}:2-3`, true],
    [`${a}:1-5`, `${a}:5-6`, false],
    [`${a}:1-5`, `${b}:1`, false],
    [`${a}:1-2:4-5`, `${a}:2-4`, false],
    ['0-1-9', '0-1-9', true],
    ['0-1-9', '0-1-10', false],
    ['0-1-9', '0-2-8', true],
    ['0-1-9', '0-2-10', false],
    ['0-1-9', '0-1-9,7-1-100', false],
    ['', '', true],
  ])('%s has all of %s: %s', (whole, part, has) => {
    expect(GtidState.parse(whole).includes(GtidState.parse(part))).toBe(has);
  });

  test("a server's own transactions may be left aside", () => {
    const delivered = GtidState.parse(`${a}:1-5,0-1-9`);
    const there = GtidState.parse(`${a}:1-5,${b}:1-3:tag:1,0-1-9,0-2-10`);
    expect(delivered.includes(there)).toBe(false);
    expect(delivered.includes(there, { uuid: b, serverId: 2 })).toBe(true);
  });

  test('a domain that the log does not know may be older than the other log', () => {
    const older = GtidState.parse('0-1-3,7-1-100');
    const delivered = GtidState.parse('0-1-9');
    expect(delivered.includes(GtidState.parse('0-1-9,7-1-100'), { older })).toBe(true);
    expect(delivered.includes(GtidState.parse('0-1-9,7-1-101'), { older })).toBe(false);
    expect(delivered.includes(GtidState.parse('0-1-9,8-1-1'), { older })).toBe(false);
  });

  test.each(['x', '0-1', '0-1-x', `${a}:`, '0-1-123456789012345678901'])('%s is none', (text) => {
    expect(() => GtidState.parse(text)).toThrow(/GTID/);
  });
});

test('a number that closes a gap joins the ranges around it, however it comes', () => {
  const state = GtidState.parse(`${a}:8`);
  for (const number of [1, 2, 3, 4, 5, 6, 7, 9, 10]) state.add(`${a}:${number}`);
  expect(state.toString()).toBe(`${a}:1-10`);
});

test('a number that comes again, from a log where its domain lags, does not put the last one back', () => {
  const delivered = GtidState.parse('0-1-9,7-1-100');
  delivered.add('7-1-40');
  expect(delivered.toString()).toBe('0-1-9,7-1-100');
  expect(delivered.has('7-1-100')).toBe(true);
});

test('of a server’s own transactions only those matter that the history has', () => {
  const delivered = GtidState.parse(`0-1-42,${a}:1-5`);
  const logged = GtidState.parse(`0-1-42,0-2-40,${a}:1-5,${b}:1-9`);
  const own = { uuid: b, serverId: 2 };
  expect(delivered.includes(logged, own)).toBe(true);
  expect(delivered.includes(logged, { ...own, history: GtidState.parse(`${b}:9-12`) })).toBe(false);
  expect(delivered.includes(logged, { ...own, history: GtidState.parse(`${b}:10`) })).toBe(true);
  const other = GtidState.parse('0-1-42,0-2-30');
  expect(other.includes(GtidState.parse('0-2-40'), { ...own, history: GtidState.parse('0-2-30') })).toBe(
    true,
  );
  expect(other.includes(GtidState.parse('0-2-40'), { ...own, history: GtidState.parse('0-2-31') })).toBe(
    false,
  );
  expect(logged.ownOf(own).toString()).toBe(`${b}:1-9,0-2-40`);
});

test('a pair that is unknown is not listed, although its domain goes further', () => {
  const state = GtidState.parse(`0-1-42,0-2-7,${a}:1-5`);
  expect(['0-1-42', '0-2-6', `${a}:5`].map((gtid) => state.lists(gtid))).not.toContain(false);
  expect(['0-1-43', '0-3-5', '1-1-1', `${a}:6`].map((gtid) => state.lists(gtid))).not.toContain(true);
  state.addAll(GtidState.parse(`0-3-5,${a}:6`));
  expect(['0-3-5', `${a}:6`].map((gtid) => state.lists(gtid))).toEqual([true, true]);
});
