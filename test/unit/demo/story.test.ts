import { describe, expect, test } from 'vitest';
import { parseEvent } from '../../demo/command.js';
import { serverNow, tell } from '../../demo/story.js';

const nameOf = (address: string): string => (address === 'a:1' ? 'replica 1' : 'replica 2');

/** The story's text, a line for each of its lines. */
const told = (event: { event: string } & Record<string, unknown>): string[] =>
  tell(event, nameOf).map((line) => (line.kind === 'step' ? line.text : `${line.name}: ${line.text}`));

describe('the story', () => {
  test('a server is lost', () => {
    expect(
      told({
        event: 'failover.started',
        from: 'a:1',
        finding: 'dead',
        probe: 'refused',
        hint: 'asc:1',
        coordinates: 'bin.1:44',
        partialChanges: 3,
      }),
    ).toEqual([
      'diagnosis: replica 1 is dead: its port refuses connections',
      'last hint: asc:1',
      'old place: bin.1:44 on replica 1, 3 changes into a transaction that it did not finish',
    ]);
  });

  test('a stream goes on', () => {
    const done = {
      event: 'failover.done',
      from: 'a:1',
      to: 'b:1',
      coordinates: 'bin.7:99',
      confidence: 'exact',
      skipped: 2,
      blackoutMs: 80,
    };
    expect(told(done)).toEqual([
      'new place: bin.7:99 on replica 2',
      'compared: 2 transactions that were delivered already stand there, too',
      'confidence: exact: same transactions, same content, same order since that hint',
      'blackout: 80 ms without news from a server',
      'The stream goes on from replica 2.',
    ]);
  });

  test('what is of no interest, and where the agent reads', () => {
    expect(told({ event: 'checkpoint.saved' })).toEqual([]);
    expect(serverNow({ event: 'stream.started', server: 'a:1' })).toBe('a:1');
    expect(serverNow({ event: 'stopped' })).toBeNull();
  });

  test('lines that are no events', () => {
    expect(parseEvent('{"event":"stopped","level":"info"}')).toMatchObject({ event: 'stopped' });
    expect(parseEvent('{"event":1}')).toBeNull();
    expect(parseEvent('Error: out of memory')).toBeNull();
    expect(parseEvent('null')).toBeNull();
  });
});
