import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readRowsEvent } from '../../../src/binlog/rows-event.js';
import { JsonWriter } from '../../../src/decode/json-writer.js';
import { RowReader } from '../../../src/decode/row-reader.js';
import { readTableLayout } from '../../../src/decode/table-layout.js';
import { WaymarkError } from '../../../src/util/errors.js';

const folder = fileURLToPath(new URL('corpus', import.meta.url));
/**
 * What the events of each file say, in order. test/exact/types.test.ts compares the same values with what a server says
 * of them; here they are held fast without one. After a change that is meant, WAYMARK_REWRITE_CORPUS_VALUES=1 writes
 * them anew: read the difference then.
 */
const valuesFolder = fileURLToPath(new URL('corpus-values', import.meta.url));
const isRewriting = process.env['WAYMARK_REWRITE_CORPUS_VALUES'] === '1';

/** What servers wrote for each type: see test/exact/record-corpus.ts. */
const files = readdirSync(folder).map((name) => ({
  name,
  vendor: name.startsWith('mysql') ? ('mysql' as const) : ('mariadb' as const),
  events: readFileSync(`${folder}/${name}`, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.split(' ').map((part) => Buffer.from(part, 'base64'))),
}));

/** A small event says so much at most: zlib makes a thousand bytes of one in COMPRESSED columns. */
const mostBytes = 8_000_000;

/** Reads an event's rows; gives where each of them ends in the output, and that it is JSON; an error's code otherwise. */
function read(
  map: Buffer,
  rows: Buffer,
  vendor: 'mysql' | 'mariadb',
): readonly string[] | 'unsupported-event' {
  const out = new JsonWriter(64);
  const images: string[] = [];
  let start = 0;
  const image = (): void => {
    images.push(out.bytes.toString('utf8', start, out.at));
  };
  try {
    const reader = new RowReader(readTableLayout(map, 0, map.length, vendor));
    reader.read(readRowsEvent(rows, 0, rows.length), rows, out, {
      before: () => {
        start = out.at;
      },
      between: () => {
        image();
        start = out.at;
      },
      after: image,
    });
  } catch (error) {
    // What Buffer throws for a header that is cut off, the reader of the log names.
    if (error instanceof RangeError && 'code' in error) return 'unsupported-event';
    expect(error).toBeInstanceOf(WaymarkError);
    expect(['unsupported-event', 'protocol']).toContain((error as WaymarkError).code);
    return 'unsupported-event';
  } finally {
    expect(out.bytes.length).toBeLessThan(mostBytes);
  }
  for (const text of images) JSON.parse(text);
  return images;
}

/** A long text as its digest: COMPRESSED columns hold a thousand times what they take. */
function shortened(text: string): string {
  if (text.length <= 2000) return text;
  return `${text.length} characters: ${createHash('sha256').update(text).digest('hex')}`;
}

describe.each(files)('$name', { timeout: 60_000 }, ({ name, vendor, events }) => {
  test('is read, and says what servers have confirmed', () => {
    const images = events.map(([map, rows]) => read(map!, rows!, vendor));
    const text = images.map((event) => `${shortened([event].flat().join(' '))}\n`).join('');
    const path = `${valuesFolder}/${name}`;
    if (isRewriting) writeFileSync(path, text);
    else expect(text.split('\n')).toEqual(readFileSync(path, 'utf8').split('\n'));
    expect(text).not.toContain('unsupported-event');
  });

  test('cut off anywhere, an event gives whole rows as they were, or an error', () => {
    for (const [map, rows] of events) {
      const whole = read(map!, rows!, vendor);
      for (let end = rows!.length - 1; end > 40; end -= 1) {
        const part = read(map!, rows!.subarray(0, end), vendor);
        if (part !== 'unsupported-event') expect(part).toEqual(whole.slice(0, part.length));
      }
    }
  });

  test('with bytes changed, it gives JSON or an error', () => {
    const change = fc.record({
      at: fc.nat(),
      value: fc.oneof(fc.nat(255), fc.constantFrom(0, 0x7f, 0x80, 0xfb, 0xff)),
    });
    const changes = fc.array(change, { minLength: 1, maxLength: 3 });
    fc.assert(
      fc.property(fc.constantFrom(...events), changes, fc.boolean(), ([map, rows], list, inMap) => {
        const [changedMap, changedRows] = [Buffer.from(map!), Buffer.from(rows!)];
        const target = inMap ? changedMap : changedRows;
        for (const { at, value } of list) target[19 + (at % (target.length - 19))] = value;
        read(changedMap, changedRows, vendor);
      }),
      { numRuns: 4000 },
    );
  });
});
