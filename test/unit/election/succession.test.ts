import { expect, test } from 'vitest';
import type { LeaderView } from '../../../src/election/election.js';
import { whenAnotherLeads } from '../../../src/election/succession.js';

const { signal } = new AbortController();

function view(host: string | null, token: number): LeaderView {
  const leader = host === null ? null : { host, pid: 1, run: '00000000' };
  return { stream: 's', backend: 'zookeeper', leader, token, mine: false, waiting: [], lastSeenMsAgo: null };
}

/** What is seen, one after the other; the last one from then on. */
function seeing(...views: LeaderView[]): () => Promise<LeaderView> {
  return () => Promise.resolve((views.length > 1 ? views.shift() : views[0]) ?? view(null, 0));
}

const waiting = { before: view('a', 1), withinMs: 10_000, complaint: 'nobody took over' };

test('another leadership is one with another token, be it of the same agent', async () => {
  const show = seeing(view('a', 1), view(null, 1), view('a', 2));
  expect(await whenAnotherLeads({ ...waiting, host: null, show }, signal)).toEqual(view('a', 2));
});

test('where a host was asked for, those in between that make way for it are waited for', async () => {
  const show = seeing(view('a', 1), view('c', 2), view('b', 3));
  expect(await whenAnotherLeads({ ...waiting, host: 'b', show }, signal)).toEqual(view('b', 3));
});

test('who does not come in time has not come', async () => {
  const never = { ...waiting, withinMs: 300, host: 'b', show: seeing(view('c', 2)) };
  await expect(whenAnotherLeads(never, signal)).rejects.toMatchObject({
    code: 'not-leader',
    message: 'The stream "s" has no new leader: nobody took over',
  });
});
