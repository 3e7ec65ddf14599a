import { expect, test } from 'vitest';
import { hintRecogniser, hintStatement } from '../../../src/hints/hint.js';
import { ascendingHint } from '../../integration/fixtures/hints.js';

const format = { schema: 'größe', prefix: '_pseudo_gtid_hint__' };
const hint = ascendingHint(1);
const quoting = { ansiQuotes: false, noBackslashEscapes: false };

/** A statement as the log has it, of a session with a collation. */
function logged(sql: string, encoding: 'utf8' | 'latin1', collation: number) {
  const bytes = Buffer.from(sql, encoding);
  const text = bytes.toString('utf8');
  return {
    ...{ schema: '', sql: text, session: { collation, quoting } },
    ...(text.includes('\ufffd') ? { bytes } : {}),
  };
}

test.each([
  ['utf8', 255, true],
  ['latin1', 8, true],
  // Bytes of UTF-8 are other characters in a session of latin1.
  ['utf8', 8, false],
] as const)('a schema beyond ASCII, in %s bytes of collation %i', (encoding, collation, isHint) => {
  const recognise = hintRecogniser(format);
  for (const schema of ['`größe`', 'größe']) {
    const sql = hintStatement(hint, format).replace('`größe`', schema);
    expect(recognise(logged(sql, encoding, collation))).toEqual(isHint ? hint : null);
  }
});

test('a format of ASCII alone is recognised whatever the session', () => {
  const recognise = hintRecogniser({ ...format, schema: 'meta' });
  const sql = hintStatement(hint, { ...format, schema: 'meta' });
  for (const collation of [8, 33, 255]) expect(recognise(logged(sql, 'latin1', collation))).toEqual(hint);
});
