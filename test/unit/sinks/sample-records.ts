import type { ChangeRecord } from '../../../src/records/record.js';

/** A second of a transaction, and its text in a record. */
const firstSecond = 1_795_292_000;

/** Where transaction number `sequence` stands in time: several share a second. */
export function secondOf(sequence: number): number {
  return firstSecond + Math.floor(sequence / 3);
}

/** The digest that transaction number `sequence` has in these samples. */
export function digestOf(sequence: number): bigint {
  return BigInt.asUintN(64, BigInt(sequence) * 0x9e3779b97f4a7n + 0xf000000000000000n);
}

/** The records of transaction number `sequence`: that many rows, each with a text of about `size` characters. */
export function sampleTransaction(sequence: number, rows: number, size = 10): ChangeRecord[] {
  const hint = sequence < 3 ? null : `6B01F8DB:${'0'.repeat(15)}${String(sequence % 10)}:317ACA46`;
  return Array.from({ length: rows }, (_, row): ChangeRecord => {
    const last = row === rows - 1;
    return {
      id: `${hint ?? 'start'}/${String(sequence)}/${String(row)}`,
      type: 'row',
      op: 'insert',
      schema: 'shop',
      table: 'orders',
      after: { id: row, text: `zwölf "Boxkämpfer"\n${'x'.repeat(size)}` },
      // Rows of one transaction may have later seconds than its first one.
      ts: new Date((secondOf(sequence) + row) * 1_000).toISOString(),
      tx: {
        hint,
        seq: sequence,
        row,
        ...(sequence % 2 === 0 ? { gtid: `0-1-${String(sequence)}` } : {}),
        ...(last
          ? { last: true as const, rows, digest: digestOf(sequence).toString(16).padStart(16, '0') }
          : {}),
      },
      source: {
        server: '127.0.0.1:3402',
        serverId: 1,
        file: 'mysql-bin.000018',
        position: sequence * 100 + row,
      },
    };
  });
}

/** Numbers from 0 to 1 that are the same for the same seed (mulberry32). */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
