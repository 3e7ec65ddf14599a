import { describe, expect, it } from 'vitest';

import {
  formatDemand,
  inOrder,
  mustLeave,
  parseDemand,
  rankOf,
} from '../../../src/election/participant-queue.js';
import { formatAgentId, ownAgentId, parseAgentId } from '../../../src/election/agent-id.js';

const names = ['b-0000000012', 'a-0000000003', 'stranger', 'c-0000000007'];

describe('a queue', () => {
  it('goes by the numbers, and each waits for the one before it alone', () => {
    expect(inOrder(names)).toEqual(['a-0000000003', 'c-0000000007', 'b-0000000012']);
    expect(rankOf(names, 'a-0000000003')).toEqual({ at: 'first' });
    expect(rankOf(names, 'b-0000000012')).toEqual({ at: 'behind', before: 'c-0000000007' });
    expect(rankOf(names, 'gone-0000000001')).toEqual({ at: 'missing' });
  });

  it('has its first make way for who is asked for, if he is there', () => {
    const own = 'a-0000000003';
    expect(mustLeave(null, own, names)).toBe(false);
    expect(mustLeave({ kind: 'take', node: 'b-0000000012' }, own, names)).toBe(true);
    expect(mustLeave({ kind: 'take', node: own }, own, names)).toBe(false);
    expect(mustLeave({ kind: 'take', node: 'gone-0000000001' }, own, names)).toBe(false);
    expect(mustLeave({ kind: 'leave', node: own }, own, names)).toBe(true);
    expect(mustLeave({ kind: 'leave', node: 'b-0000000012' }, own, names)).toBe(false);
  });

  it('reads what was asked for, and takes nothing else for it', () => {
    const demand = { kind: 'take', node: 'b-0000000012' } as const;
    expect(parseDemand(formatDemand(demand))).toEqual(demand);
    for (const text of ['', 'take', 'give x', 'take a b', 'created by zk-mkdir-p']) {
      expect(parseDemand(text)).toBeNull();
    }
  });
});

describe('the name of an agent', () => {
  it('is read as it was written, with or without the number of a campaign', () => {
    const id = ownAgentId();
    expect(parseAgentId(formatAgentId(id))).toEqual(id);
    expect(parseAgentId(`${formatAgentId(id)}-12`)).toEqual(id);
    for (const text of ['', 'host', 'host/1', 'host/x/0a1b2c3d', 'host/1/short']) {
      expect(parseAgentId(text)).toBeNull();
    }
  });
});
