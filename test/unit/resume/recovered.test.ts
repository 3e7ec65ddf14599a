import { describe, expect, test } from 'vitest';
import type { Checkpoint } from '../../../src/checkpoint/checkpoint.js';
import {
  endingTrail,
  numberingOf,
  recoveredNumbering,
  recoveredTrail,
} from '../../../src/resume/recovered.js';
import { hintFromToken } from '../../../src/hints/hint.js';
import type { TrailEntry } from '../../../src/matching/trail.js';
import type { DeliveredTransaction } from '../../../src/records/ndjson.js';
import type { SinkRecovery } from '../../../src/sinks/sink.js';

const coordinates = { file: 'mysql-bin.000018', position: 4711 };
const display = (counter: number): string => `6B01F8DB:000000000000000${counter}:317ACA46`;
const hint = (counter: number): TrailEntry => ({
  kind: 'hint',
  hint: hintFromToken(`asc:${display(counter)}`),
  coordinates,
});
const transaction = (digest: bigint, origin: string, second = 100): TrailEntry => ({
  kind: 'transaction',
  identity: { digest, second, origin },
});

function checkpoint(entries: readonly TrailEntry[]): Checkpoint {
  return {
    stream: 's',
    fencingToken: 0,
    server: { host: 'h', port: 1, serverId: 1, uuid: '' },
    keepsOrder: true,
    coordinates,
    sequence: 1,
    numberedFrom: null,
    trail: { entries, partial: null },
    anchors: 'hint',
    gtidSet: null,
    sink: null,
    layouts: null,
    savedAt: 0,
  };
}

const recovery = (delivered: DeliveredTransaction[]): SinkRecovery => ({
  remembers: true,
  delivered,
  endsBetweenTransactions: true,
});

describe('a trail with what the sink took behind the checkpoint', () => {
  const kept = [hint(1), transaction(1n, 'g:0-1-1')];

  test('nothing: the checkpoint’s own', () => {
    expect(recoveredTrail(checkpoint(kept), recovery([]))).toEqual(kept);
  });

  test('transactions, and the hints between them once each', () => {
    const delivered: DeliveredTransaction[] = [
      { hint: display(1), sequence: 2, gtid: '0-1-2', byGtid: false, second: 101, digest: 2n },
      { hint: display(2), sequence: 1, gtid: '0-1-4', byGtid: false, second: 102, digest: 3n },
      { hint: display(2), sequence: 2, gtid: null, byGtid: false, second: 103, digest: 4n },
    ];
    expect(recoveredTrail(checkpoint(kept), recovery(delivered))).toEqual([
      ...kept,
      transaction(2n, 'g:0-1-2', 101),
      hint(2),
      transaction(3n, 'g:0-1-4', 102),
      transaction(4n, '', 103),
    ]);
  });

  test('before the first hint', () => {
    const delivered: DeliveredTransaction[] = [
      { hint: null, sequence: 1, gtid: null, byGtid: false, second: 101, digest: 2n },
      { hint: display(1), sequence: 1, gtid: null, byGtid: false, second: 102, digest: 3n },
    ];
    expect(recoveredTrail(checkpoint([]), recovery(delivered))).toEqual([
      transaction(2n, '', 101),
      hint(1),
      transaction(3n, '', 102),
    ]);
  });
});

describe('a trail from a sink’s last records alone', () => {
  const last = {
    ...{ hint: display(2), sequence: 1, isGap: false },
    source: { ...coordinates, server: 'h:1', serverId: 1 },
  };
  const trailOf = (...transactions: DeliveredTransaction[]) =>
    endingTrail({ kind: 'known', transactions, last, fromOneServer: true });
  const one = { hint: display(1), gtid: '0-1-2', byGtid: false, second: 101, digest: 2n };
  const two = { hint: display(2), sequence: 1, gtid: '0-1-4', byGtid: false, second: 102, digest: 3n };

  test('begins with a hint only if everything since that hint is there', () => {
    const rest = [transaction(2n, 'g:0-1-2', 101), hint(2), transaction(3n, 'g:0-1-4', 102)];
    expect(trailOf({ ...one, sequence: 1 }, two)).toEqual([hint(1), ...rest]);
    expect(trailOf({ ...one, sequence: 2 }, two)).toEqual(rest);
    expect(trailOf()).toEqual([]);
  });

  test('has a second where a record does not name the origin', () => {
    const mysql = '3e11fa47-71ca-11e1-9e33-c80aa9429562:23';
    expect(trailOf({ ...two, gtid: mysql }).at(-1)).toEqual(transaction(3n, '', 102));
    expect(trailOf({ ...two, gtid: '0-1-4,1-1-5', byGtid: false }).at(-1)).toEqual(transaction(3n, '', 102));
    expect(trailOf({ ...two, gtid: 'x0-1-4', byGtid: false }).at(-1)).toEqual(transaction(3n, '', 102));
    expect(trailOf({ ...two, gtid: '10-21-345', byGtid: false }).at(-1)).toEqual(
      transaction(3n, 'g:10-21-345', 102),
    );
  });
});

describe('the numbering', () => {
  const [known] = [hint(1)].flatMap((entry) => (entry.kind === 'hint' ? [entry.hint] : []));

  test('goes on from what the sink took last, or else from the checkpoint', () => {
    const stored = { ...checkpoint([]), sequence: 12, numberedFrom: `asc:${display(1)}` };
    expect(recoveredNumbering(stored, recovery([]))).toEqual({ hint: known, sequence: 12 });
    expect(recoveredNumbering({ ...stored, numberedFrom: null }, recovery([]))).toEqual({
      hint: null,
      sequence: 12,
    });
    const common = { gtid: null, byGtid: false, second: 1, digest: 1n };
    const delivered = [
      { ...common, hint: display(2), sequence: 7 },
      { ...common, hint: display(1), sequence: 3 },
    ];
    expect(recoveredNumbering(stored, recovery(delivered))).toEqual({ hint: known, sequence: 3 });
  });

  test('of a record before any hint has none', () => {
    expect(numberingOf({ hint: null, sequence: 4 })).toEqual({ hint: null, sequence: 4 });
    expect(numberingOf({ hint: display(1), sequence: 4 })).toEqual({ hint: known, sequence: 4 });
  });
});
