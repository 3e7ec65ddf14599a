import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const linesOf = (path: string): string[] =>
  readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line !== '');

/**
 * Inputs of {@link readAsLog} that are kept, one line of base64 each: transactions that servers have logged, and what a
 * coverage-guided fuzzer (@jazzer.js/core 4.0.0) has made of them: the short ones of those that reach all that it reached.
 */
const folder = fileURLToPath(new URL('corpus', import.meta.url));

/** All that is kept, and the row events of every type (see test/exact/record-corpus.ts). */
export function keptInputs(): Buffer[] {
  const types = fileURLToPath(new URL('../unit/decode/corpus', import.meta.url));
  return [
    ...readdirSync(folder).flatMap((name) =>
      linesOf(`${folder}/${name}`).map((line) => Buffer.from(line, 'base64')),
    ),
    ...readdirSync(types).flatMap((name) =>
      linesOf(`${types}/${name}`).map((line) => inputOf(line, name.startsWith('mysql') ? 0 : 1)),
    ),
  ];
}

/** A table map and a row event of it; they count a checksum that isn't there. */
function inputOf(line: string, vendor: number): Buffer {
  const events = line.split(' ').map((part) => {
    const event = Buffer.from(part, 'base64');
    event.writeUInt32LE(event.length, 9);
    return event;
  });
  return Buffer.concat([Buffer.from([vendor]), ...events]);
}
