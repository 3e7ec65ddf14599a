import { expect, test } from 'vitest';
import { tableFilter } from '../../../src/config/table-filter.js';
import { defaultHintFormat } from '../../../src/hints/hint.js';
import { readHistory } from '../../../src/matching/history.js';
import type { OwnHistory } from '../../../src/matching/own-transactions.js';
import { batchesOf, event, queryEvent, rowsEvent, tableMapEvent, uint } from '../binlog/event-bytes.js';
import { instance } from './servers.js';

const hint = 'drop view if exists `meta`.`_pseudo_gtid_hint__asc:6B000000:0000000000000001:00000000`';

/** A MariaDB GTID event: what follows is of this number and server. */
const gtid = (sequence: number, serverId: number, flags: number): Buffer =>
  event(
    { type: 162, serverId },
    Buffer.concat([uint(sequence, 8), uint(0, 4), Buffer.of(flags), Buffer.alloc(6)]),
  );
const transaction = (sequence: number, serverId: number): Buffer[] => [
  ...[gtid(sequence, serverId, 0x0c), tableMapEvent(5, 'shop', 't')],
  ...[rowsEvent(23, 5, Buffer.from(`row ${sequence}`)), event({ type: 16 }, uint(99, 8))],
];
const hintOf = (sequence: number, serverId: number): Buffer[] => [
  gtid(sequence, serverId, 0x01),
  queryEvent(hint, { serverId }),
];

/** Which transactions of the log of replica 9 are errant, by GTID. */
async function errantIn(events: readonly Buffer[], own?: OwnHistory): Promise<Record<string, boolean>> {
  const errant: Record<string, boolean> = {};
  const steps = readHistory({
    ...{ instance, start: { file: 'bin.000001', position: 4 }, signal: new AbortController().signal },
    ...{
      dump: batchesOf(events),
      format: defaultHintFormat,
      filter: tableFilter({ include: ['*.*'], exclude: [] }),
    },
    ...{ replicaServerId: 9, own },
  });
  for await (const some of steps) {
    for (const step of some) if (step.kind === 'transaction') errant[step.gtid ?? ''] = step.errant;
  }
  return errant;
}

/** Says that these are history, and keeps what it was asked for. */
function knowing(history: readonly string[], asked: (string | null)[]): OwnHistory {
  return {
    judge: (own) => {
      asked.push(own.gtid);
      const isHistory = own.gtid !== null && history.includes(own.gtid);
      return Promise.resolve(isHistory ? { kind: 'history' } : { kind: 'errant', unchecked: null });
    },
    upstream: () => Promise.resolve(null),
  };
}

test('what a replica has written itself is errant, unless others say that it is history, or a hint does', async () => {
  const log = [
    ...[...transaction(1, 1), ...transaction(2, 9), ...hintOf(3, 1), ...transaction(4, 9)],
    ...[...transaction(5, 9), ...hintOf(6, 9), ...transaction(7, 9)],
  ];
  const others = { '0-1-1': false, '0-9-7': false };
  expect(await errantIn(log)).toEqual({ ...others, '0-9-2': true, '0-9-4': true, '0-9-5': true });
  const asked: (string | null)[] = [];
  expect(await errantIn(log, knowing(['0-9-2', '0-9-5'], asked))).toEqual({
    ...others,
    ...{ '0-9-2': false, '0-9-4': true, '0-9-5': false },
  });
  expect(asked).toEqual(['0-9-2', '0-9-4', '0-9-5']);
});
