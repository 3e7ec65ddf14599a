import { describe, expect, test } from 'vitest';
import { hasPlace, requirePlace } from '../../../src/matching/history-before.js';
import { WaymarkError } from '../../../src/util/errors.js';
import { inspectionOf, instance } from './servers.js';

const logs = [
  { file: 'bin.000002', sizeBytes: 900 },
  { file: 'bin.000003', sizeBytes: 500 },
];

/** What is wrong with a place; '' if nothing is. */
function whatIsWrong(file: string, position: number, logEnd = { file: 'bin.000003', position: 500 }): string {
  try {
    requirePlace({ file, position }, logs, { instance, inspection: inspectionOf({ logEnd }) }, 'Look again.');
    return '';
  } catch (error) {
    if (!(error instanceof WaymarkError)) throw error;
    expect(error.code).toBe('coordinates');
    expect(error.details).toEqual({ server: 'db1:3306', file, position });
    expect(error.message).toMatch(
      new RegExp(
        `^db1:3306 does not have the place ${file}:${position} in its binary log: .* Look again\\.$`,
      ),
    );
    return error.message;
  }
}

describe('whether a place is within a log', () => {
  test.each([
    ['at the beginning of a file', 'bin.000002', 4, ''],
    ['at the end of a file', 'bin.000002', 900, ''],
    ['past the end of a file', 'bin.000002', 901, 'the file is only 900 bytes long'],
    ['in a file that was purged', 'bin.000001', 4, 'there is no such file. It has bin.000002 to bin.000003'],
    ['in a file that is still to come', 'bin.000004', 4, 'there is no such file'],
  ])('%s', (_name, file, position, wrong) => {
    expect(whatIsWrong(file, position)).toContain(wrong);
    expect(whatIsWrong(file, position) === '').toBe(wrong === '');
    expect(hasPlace(logs, { file, position })).toBe(wrong === '');
  });

  test('the last file has grown between the look at the server and the list, or after both', () => {
    expect(whatIsWrong('bin.000003', 500, { file: 'bin.000003', position: 300 })).toBe('');
    expect(whatIsWrong('bin.000003', 700, { file: 'bin.000003', position: 700 })).toBe('');
    expect(whatIsWrong('bin.000003', 701, { file: 'bin.000003', position: 700 })).toContain('only 700 bytes');
    // The end is another file's.
    expect(whatIsWrong('bin.000002', 950, { file: 'bin.000003', position: 5000 })).toContain(
      'only 900 bytes',
    );
    // The list was made before the server began a new file.
    expect(whatIsWrong('bin.000004', 100, { file: 'bin.000004', position: 100 })).toBe('');
  });

  test('a server without binary logs', () => {
    const place = { file: 'bin.000001', position: 4 };
    expect(() => {
      requirePlace(place, [], { instance, inspection: inspectionOf({}) }, 'Look again.');
    }).toThrow('It has none to none.');
    expect(hasPlace([], place)).toBe(false);
  });
});
