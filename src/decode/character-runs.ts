import { brotliDecompressSync } from 'node:zlib';

/** A run of byte sequences that ascend together with their characters. */
export type CharacterRun = { readonly code: number; readonly point: number; readonly length: number };

/**
 * Unpacks a table as test/charsets/generate.ts packs it: Brotli over runs of three numbers (7 bits in each byte, the
 * lowest first; bit 7: more follow): the distance from the end of the run before in byte sequences (as big-endian
 * numbers), the distance in code points (doubled; odd: `-(n + 1) / 2`), and how many characters the run has.
 */
export function unpackRuns(packed: string): CharacterRun[] {
  const bytes = brotliDecompressSync(Buffer.from(packed, 'base64'));
  const runs: CharacterRun[] = [];
  let at = 0;
  const number = (): number => {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = bytes[at++] ?? 0;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
  };
  let [code, point] = [0, 0];
  while (at < bytes.length) {
    code += number();
    const distance = number();
    point += distance % 2 === 0 ? distance / 2 : -(distance + 1) / 2;
    const length = number();
    runs.push({ code, point, length });
    code += length;
    point += length;
  }
  return runs;
}
