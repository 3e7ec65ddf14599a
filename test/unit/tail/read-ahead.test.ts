import { describe, expect, test } from 'vitest';
import type { EndedTransaction } from '../../../src/transactions/transaction.js';
import { hintFromToken } from '../../../src/hints/hint.js';
import { advance, newProgress, type Progress, type Step } from '../../../src/tail/progress.js';
import { GtidState } from '../../../src/gtids/gtid-state.js';
import { ReadAhead } from '../../../src/tail/read-ahead.js';
import { tokenOf } from '../matching/simulated-history.js';

let position = 4;

function ended(gtid: string | null = null): EndedTransaction {
  const start = { file: 'log.000001', position };
  position += 100;
  const identity = { digest: BigInt(position), second: position, origin: '' };
  return { start, end: { file: 'log.000001', position }, gtid, serverId: 7, identity, statement: null };
}

function delivered(gtid?: string): Step {
  const transaction = ended(gtid);
  return { kind: 'delivered', ended: transaction, identity: { digest: 1n, second: 1, origin: '' } };
}

function hint(number: number): Step {
  return { kind: 'hint', ended: ended(), hint: hintFromToken(tokenOf(number)) };
}

/** All that a checkpoint or a status tells of it. */
function shown({ keeper, delivered, ...rest }: Progress) {
  const { entries, lastHint, sequence } = keeper;
  return { ...rest, entries: [...entries], lastHint, sequence, gtids: delivered?.toString() };
}

describe('what is read ahead of the sink', () => {
  test('changes nothing of the progress until it is accepted', () => {
    const progress = { ...newProgress(10), delivered: GtidState.empty() };
    const before = shown(progress);
    const ahead = new ReadAhead(progress);
    ahead.step(hint(1));
    ahead.step(delivered('0-7-1'));
    ahead.step({ kind: 'passed-over', ended: ended('0-7-2') });
    ahead.step({ kind: 'errant', ended: ended('0-9-3') });
    ahead.step({ kind: 'repeated', ended: ended('0-7-1') });
    ahead.step({ kind: 'empty', ended: { ...ended('0-7-4'), identity: null } });
    expect(shown(progress)).toEqual(before);
    expect(ahead).toMatchObject({ sequence: 2, errant: 1, sourceServerId: 7 });

    for (const step of ahead.take()) advance(progress, step);
    expect(shown(progress)).toMatchObject({
      coordinates: { file: 'log.000001', position },
      ...{ transactions: 1, passedOver: 1, errant: 1, sourceServerId: 7, sequence: 2 },
      gtids: '0-7-4',
    });
    expect(progress.keeper.entries.map(({ kind }) => kind)).toEqual(['hint', 'transaction']);
    expect(ahead.take()).toEqual([]);
  });

  test('numbers as the trail does, however the steps are accepted', () => {
    const steps = [hint(1), delivered(), delivered(), hint(2), delivered(), hint(2), delivered(), hint(3)];
    for (let accepted = 1; accepted <= steps.length; accepted += 1) {
      const progress = newProgress(10);
      const ahead = new ReadAhead(progress);
      for (const [index, step] of steps.entries()) {
        ahead.step(step);
        if ((index + 1) % accepted === 0) for (const taken of ahead.take()) advance(progress, taken);
      }
      const numbering = { hint: ahead.lastHint?.token, sequence: ahead.sequence };
      for (const taken of ahead.take()) advance(progress, taken);
      expect(numbering).toEqual({
        hint: progress.keeper.lastHint?.token,
        sequence: progress.keeper.sequence,
      });
    }
  });
});
