import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Share, shareOf } from '../../../src/streams/share.js';

const noLimit = Number.MAX_SAFE_INTEGER;
const named = (prefix: string, count: number): string[] =>
  Array.from({ length: count }, (_, index) => `${prefix}${String(index)}`);

const streamNames = fc.uniqueArray(fc.stringMatching(/^[a-z0-9][\w.-]{0,8}$/), { maxLength: 60 });
const agentNames = fc.uniqueArray(fc.stringMatching(/^[a-z]{1,6}\/\d{1,3}\/[0-9a-f]{4}$/), {
  minLength: 1,
  maxLength: 8,
});

function sharesOf(
  streams: readonly string[],
  agents: readonly string[],
  limit = noLimit,
): Map<string, Share> {
  return new Map(agents.map((agent) => [agent, shareOf(agent, streams, agents, limit)]));
}

/** Who leads each stream. */
function leaders(shares: ReadonlyMap<string, Share>): Map<string, string> {
  return new Map(
    [...shares].flatMap(([agent, { lead }]) => [...lead].map((stream) => [stream, agent] as const)),
  );
}

test('every stream is led by exactly one agent, evenly, and another one stands by', () => {
  fc.assert(
    fc.property(streamNames, agentNames, (streams, agents) => {
      const shares = [...sharesOf(streams, agents).values()];
      expect(shares.flatMap(({ lead }) => [...lead]).toSorted()).toEqual(streams.toSorted());
      const counts = shares.map(({ lead }) => lead.size);
      expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
      const standing = shares.flatMap(({ standBy }) => [...standBy]).toSorted();
      expect(standing).toEqual(agents.length === 1 ? [] : streams.toSorted());
      for (const { lead, standBy } of shares)
        expect([...lead].filter((name) => standBy.has(name))).toEqual([]);
    }),
  );
});

test('nobody leads more than the limit', () => {
  fc.assert(
    fc.property(streamNames, agentNames, fc.integer({ min: 1, max: 10 }), (streams, agents, limit) => {
      const shares = [...sharesOf(streams, agents, limit).values()];
      const led = shares.reduce((sum, { lead }) => sum + lead.size, 0);
      expect(led).toBe(Math.min(streams.length, agents.length * limit));
      for (const { lead } of shares) expect(lead.size).toBeLessThanOrEqual(limit);
    }),
  );
});

test('it does not depend on the order in which anybody is named', () => {
  fc.assert(
    fc.property(streamNames, agentNames, (streams, agents) => {
      const self = agents.at(-1) ?? '';
      expect(shareOf(self, streams.toReversed(), agents.toReversed(), noLimit)).toEqual(
        shareOf(self, streams, agents, noLimit),
      );
    }),
  );
});

describe('1,000 streams', () => {
  const streams = named('stream-', 1000);
  const moved = (before: readonly string[], after: readonly string[]): number => {
    const [from, to] = [leaders(sharesOf(streams, before)), leaders(sharesOf(streams, after))];
    return streams.filter((stream) => from.get(stream) !== to.get(stream)).length;
  };

  test.each([2, 3, 10])(
    'an agent that comes to %i moves little more than its part; so does one that goes',
    (count) => {
      const agents = named('host/', count);
      const least = 1000 / (count + 1);
      expect(moved(agents, [...agents, 'host/new'])).toBeLessThan(2 * least);
      expect(moved([...agents, 'host/new'], agents)).toBeLessThan(2 * least);
    },
  );

  test('one in the place of another takes its part from all, who take what the other leaves', () => {
    const agents = named('host/', 10);
    expect(moved(agents, [...agents.slice(1), 'host/new'])).toBeLessThan(3 * 100);
  });

  test('those who stand by are spread, too', () => {
    const sizes = [...sharesOf(streams, named('host/', 10)).values()].map(({ standBy }) => standBy.size);
    expect(Math.max(...sizes)).toBeLessThan(200);
  });
});
