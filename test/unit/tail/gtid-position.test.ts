import { expect, test } from 'vitest';
import { noteGtid, restoreGtidPosition } from '../../../src/tail/gtid-position.js';

test('of each domain the last one, whatever came in others', () => {
  const position = new Map<string, string>();
  for (const gtid of ['0-1-7', '1-2-3', '0-1-8', null]) noteGtid(position, gtid);
  expect([...position.values()]).toEqual(['0-1-8', '1-2-3']);
});

test('GTIDs of MySQL are not kept', () => {
  const position = new Map<string, string>();
  noteGtid(position, '3e11fa47-71ca-11e1-9e33-c80aa9429562:23');
  expect(position.size).toBe(0);
});

test('restored from a checkpoint and what the sink took behind it', () => {
  const position = new Map([['9', '9-9-9']]);
  restoreGtidPosition(position, '0-1-7,1-2-3', ['0-1-8', null, '0-1-9']);
  expect([...position.values()]).toEqual(['0-1-9', '1-2-3']);
  restoreGtidPosition(position, null, []);
  expect(position.size).toBe(0);
});
