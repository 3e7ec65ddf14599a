import { expect, test } from 'vitest';
import { isLastOfItsDomain, noteGtid, restoreGtidPosition } from '../../../src/tail/gtid-position.js';

test('of each domain the last one, whatever came in others', () => {
  const position = new Map<string, string>();
  for (const gtid of ['0-1-7', '1-2-3', '0-1-8', null]) noteGtid(position, gtid);
  expect([...position.values()]).toEqual(['0-1-8', '1-2-3']);
  expect(isLastOfItsDomain(position, '0-1-8')).toBe(true);
  expect(isLastOfItsDomain(position, '1-2-3')).toBe(true);
  for (const other of ['0-1-7', '0-1-9', '2-1-8', null])
    expect(isLastOfItsDomain(position, other)).toBe(false);
});

test('GTIDs of MySQL are not kept, and none is ever the last', () => {
  const position = new Map<string, string>();
  const gtid = '3e11fa47-71ca-11e1-9e33-c80aa9429562:23';
  noteGtid(position, gtid);
  expect(position.size).toBe(0);
  expect(isLastOfItsDomain(position, gtid)).toBe(false);
});

test('restored from a checkpoint and what the sink took behind it', () => {
  const position = new Map([['9', '9-9-9']]);
  restoreGtidPosition(position, '0-1-7,1-2-3', ['0-1-8', null, '0-1-9']);
  expect([...position.values()]).toEqual(['0-1-9', '1-2-3']);
  restoreGtidPosition(position, null, []);
  expect(position.size).toBe(0);
});
