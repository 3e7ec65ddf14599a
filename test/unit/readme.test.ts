import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { Metrics } from '../../src/http/metrics.js';
import type { ErrorCode } from '../../src/util/errors.js';
import { sampleStatus } from './http/status-samples.js';

/** What the README promises to list is held against what the code has. */

const readme = readFileSync('README.md', 'utf8');

/** The first cells of the table with such a heading. */
function firstCells(heading: RegExp): string[] {
  const lines = readme.split('\n');
  const begin = lines.findIndex((line) => heading.test(line));
  expect(begin, `a table with the heading ${heading}`).toBeGreaterThan(-1);
  const rest = lines.slice(begin + 2);
  const end = rest.findIndex((line) => !line.startsWith('|'));
  return rest.slice(0, end).map((line) => line.split(' | ')[0]?.replace(/^\| /, '').trim() ?? '');
}

/** What stands in backticks, in order. */
function codesIn(cells: readonly string[]): string[] {
  return cells.flatMap((cell) => [...cell.matchAll(/`([^`]+)`/g)].map(([, code]) => code ?? ''));
}

test('every error code says what to do', () => {
  const codes: Record<ErrorCode, true> = {
    usage: true,
    config: true,
    'server-unreachable': true,
    'access-denied': true,
    'missing-grant': true,
    'unsuitable-server': true,
    protocol: true,
    checksum: true,
    'stream-broken': true,
    'stream-silent': true,
    'unsupported-event': true,
    coordinates: true,
    'hint-not-found': true,
    'hint-behind': true,
    'hint-purged': true,
    diverged: true,
    'no-trail': true,
    'no-candidate': true,
    'switch-refused': true,
    'agent-unreachable': true,
    'token-refused': true,
    'checkpoint-damaged': true,
    'checkpoint-foreign': true,
    'checkpoint-conflict': true,
    'checkpoint-store': true,
    sink: true,
  };
  expect(
    codesIn(firstCells(/^\| code +\| what to do/))
      .filter((code) => code in codes)
      .toSorted(),
  ).toEqual(Object.keys(codes).toSorted());
});

describe('metrics', () => {
  test('every one is explained, and none that is not there', async () => {
    const text = await new Metrics().text([sampleStatus]);
    const names = [...text.matchAll(/^# TYPE (\S+) /gm)].map(([, name]) => name ?? '');
    expect(codesIn(firstCells(/^\| metric /)).toSorted()).toEqual(names.toSorted());
  });
});
