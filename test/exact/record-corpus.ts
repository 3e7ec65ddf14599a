/**
 * Records the corpus of test/unit/decode/corpus: for each type of samples.ts the table map and the row events that a server
 * writes. `node --import tsx test/exact/record-corpus.ts`, with WAYMARK_TEST_SERVER as for tests; prints the file's lines.
 * Their values are written by the test that reads them (test/unit/decode/corpus.test.ts).
 */
import { headerBytes } from '../../src/binlog/event.js';
import { startServer } from '../servers/index.js';
import { defaultKind } from '../servers/kind.js';
import { newLog, readTransactions } from '../integration/fixtures/log-reading.js';
import { hasType, samples } from './samples.js';

/** Larger ones say nothing more. */
const mostBytes = 1200;

const { vendor } = defaultKind();
const server = await startServer({
  settings: { sql_mode: 'NO_ENGINE_SUBSTITUTION', binlog_row_metadata: 'FULL', max_allowed_packet: '64M' },
});
try {
  await server.query('CREATE DATABASE exact CHARACTER SET utf8mb4');
  await server.query('USE exact');
  await server.query("SET time_zone = '+00:00'");
  const start = await newLog(server);
  for (const [index, sample] of samples.entries()) {
    if ((sample.only !== undefined && sample.only !== vendor) || !hasType(server, sample)) continue;
    const table = `t${index}`;
    await server.query(
      `CREATE TABLE ${table} (id INT PRIMARY KEY, v ${sample.type}, w INT) CHARACTER SET utf8mb4`,
    );
    const values = [...sample.values.slice(0, 4), 'NULL'].map((value, id) => `(${id}, ${value}, ${id * 7})`);
    await server.query(`INSERT INTO ${table} VALUES ${values.join(', ')}`);
    await server.query(`UPDATE ${table} SET w = w + 1`);
  }
  const maps = new Map<number, string>();
  await readTransactions(server, start, {
    tableMap: (buffer, at, end) => {
      maps.set(buffer.readUIntLE(at + headerBytes, 6), buffer.toString('base64', at, end));
    },
    rows: (_open, { tableId, images }, _name, buffer, at) => {
      const event = buffer.subarray(at, buffer.indexOf(images, at) + images.length);
      if (event.length <= mostBytes) console.log(`${maps.get(tableId) ?? ''} ${event.toString('base64')}`);
    },
  });
} finally {
  await server.stop();
}
process.exit();
