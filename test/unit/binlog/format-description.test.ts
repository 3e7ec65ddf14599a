import { describe, expect, test } from 'vitest';
import { readFormatDescription } from '../../../src/binlog/format-description.js';
import { event, uint } from './event-bytes.js';

/** A FORMAT_DESCRIPTION_EVENT; `algorithm` null for servers that know no checksums. */
function formatDescription(version: string, algorithm: number | null, tableMapPostHeader = 8): Buffer {
  const name = Buffer.alloc(50);
  name.write(version, 'latin1');
  const postHeaders = Buffer.alloc(40, 0);
  postHeaders.writeUInt8(tableMapPostHeader, 18);
  const tail = algorithm === null ? Buffer.alloc(0) : Buffer.concat([uint(algorithm, 1), Buffer.alloc(4)]);
  return event({ type: 15 }, Buffer.concat([uint(4, 2), name, uint(0, 4), uint(19, 1), postHeaders, tail]));
}

const read = (bytes: Buffer): ReturnType<typeof readFormatDescription> =>
  readFormatDescription(bytes, 0, bytes.length);

describe('checksums', () => {
  test.each([
    ['9.7.4', 1, 4],
    ['9.7.4', 0, 0],
    ['10.11.19-MariaDB-0+deb12u1-log', 1, 4],
    ['10.11.19-MariaDB-0+deb12u1-log', 0, 0],
    ['5.6.1', 1, 4],
    ['5.3.0-MariaDB', 1, 4],
  ])('%s with algorithm %i: %i bytes', (version, algorithm, bytes) => {
    expect(read(formatDescription(version, algorithm))).toMatchObject({
      serverVersion: version,
      checksumBytes: bytes,
    });
  });

  test.each(['5.5.62-log', '5.6.0', '5.2.14-MariaDB'])('%s has none', (version) => {
    expect(read(formatDescription(version, null)).checksumBytes).toBe(0);
  });
});

test('the size of table ids', () => {
  expect(read(formatDescription('8.0.0', 1, 8)).tableIdBytes).toBe(6);
  expect(read(formatDescription('5.1.2', null, 6)).tableIdBytes).toBe(4);
});

test('a version that fills its field has no terminator', () => {
  const version = `10.11.19-MariaDB-${'x'.repeat(33)}`;
  expect(read(formatDescription(version, 1)).serverVersion).toBe(version);
});
