import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { findings } from '../../../docs/findings.js';
import type { WhyNot } from '../../../../src/failover/choice.js';
import type { ErrorCode } from '../../../../src/util/errors.js';
import { type Retold, retell } from './story.js';

/**
 * The stories of docs/stories are told again, and what is decided must be what stands there. After a change that is
 * meant, WAYMARK_REWRITE_STORIES=1 writes them anew: read the difference then.
 */

const folder = 'docs/stories';
const isRewriting = process.env['WAYMARK_REWRITE_STORIES'] === '1';
const runbook = readFileSync('docs/runbook.md', 'utf8');

const names = readdirSync(folder).filter((name) => name.endsWith('.txt'));

/** In the test and not before it, so that whoever asks which tests reach a line of the machine finds this one. */
function tell(name: string): Retold & { readonly before: string } {
  const before = readFileSync(`${folder}/${name}`, 'utf8');
  return { before, ...retell(before) };
}

test.each(names)('%s', (name) => {
  const { before, text } = tell(name);
  if (isRewriting) writeFileSync(`${folder}/${name}`, text);
  else expect(text).toBe(before);
});

const whyNot: Record<WhyNot['why'], true> = {
  stays: true,
  lives: true,
  left: true,
  'just-switched': true,
  'just-lost': true,
  avoided: true,
  'not-looked-at': true,
  'not-reached': true,
  'not-healthy': true,
  delayed: true,
  'not-ahead': true,
  'no-failback': true,
  'no-higher': true,
  'healthy-too-short': true,
};

/** Whether a stream, or a leadership, can end with it. */
const endsWith: Record<ErrorCode, boolean> = {
  usage: false,
  config: false,
  conditions: true,
  'server-unreachable': false,
  'access-denied': true,
  'missing-grant': true,
  'unsuitable-server': true,
  protocol: true,
  checksum: true,
  'stream-broken': false,
  'stream-silent': false,
  'unsupported-event': true,
  coordinates: true,
  'not-found': true,
  behind: false,
  purged: true,
  'server-behind': false,
  diverged: true,
  'out-of-order': false,
  'no-trail': true,
  'no-candidate': true,
  'switch-refused': false,
  'checkpoint-damaged': true,
  'checkpoint-foreign': true,
  'checkpoint-conflict': true,
  'checkpoint-store': true,
  'election-store': false,
  'missing-table': true,
  'not-leader': true,
  sink: true,
  spool: true,
  refused: false,
  replication: false,
  'not-put-back': false,
  interrupted: false,
  'agent-unreachable': false,
  'token-refused': false,
};

describe('there is a story', () => {
  const all = <T>(pick: (shown: Retold['shown']) => Set<T>): T[] =>
    [...new Set(names.flatMap((name) => [...pick(tell(name).shown)]))].toSorted();

  test('of every finding', () => {
    expect(all(({ findings: found }) => found)).toEqual(findings.toSorted());
  });

  test('of every reason not to go to a member', () => {
    expect(all((shown) => shown.whyNot)).toEqual(Object.keys(whyNot).toSorted());
  });

  test('of every end', () => {
    const codes = Object.entries(endsWith).flatMap(([code, ends]) => (ends ? [code] : []));
    expect(all(({ ends }) => ends)).toEqual(['asked to', ...codes].toSorted());
  });
});

test('the runbook links to every story', () => {
  const linked = [...runbook.matchAll(/\(stories\/([\w-]+\.txt)\)/g)].map(([, name]) => name);
  expect([...new Set(linked)].toSorted()).toEqual(names.toSorted());
});
