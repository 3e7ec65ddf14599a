import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { parseAddress } from '../../src/config/address.js';
import { Secret } from '../../src/config/secret.js';
import {
  attemptStatement,
  callStatement,
  electionTable,
  rowStatement,
  withdrawStatement,
} from '../../src/election/election-sql.js';
import { anybody, attempt, type LeaseRow, withdraw } from '../../src/election/lease-row.js';
import { connect, type ServerConnection } from '../../src/mysql/connection.js';
import { startServer, supports, type TestServer, type Vendor } from '../servers/index.js';
import { Random } from '../support/random.js';

const timeoutMs = 5_000;
const schema = 'waymark';

/** What stands in the table, at a time. */
async function stored(connection: ServerConnection, stream: string, now: number): Promise<LeaseRow | null> {
  const { sql, values } = rowStatement(schema, stream);
  const [row] = await connection.query(sql, values);
  if (row === undefined) return null;
  return {
    holder: String(row['holder']),
    token: Number(row['token']),
    sign: String(row['sign']),
    called: String(row['called']),
    calledAt: now - Number(row['calledAgo']) / 1_000,
  };
}

const vendors: readonly Vendor[] = (await supports('mysql')) ? ['mariadb', 'mysql'] : ['mariadb'];

describe.each(vendors)('the statements on the row of an election, on %s', (vendor) => {
  let server: TestServer;
  let connection: ServerConnection;

  beforeAll(async () => {
    server = await startServer({ vendor });
    await server.query(`CREATE DATABASE ${schema}`);
    await server.query(electionTable(schema).sql);
    // The grants of docs/high-availability.md are enough.
    await server.query("CREATE USER state@'%' IDENTIFIED BY 'geheim'");
    await server.query(`GRANT SELECT, INSERT, UPDATE, DELETE ON ${schema}.* TO state@'%'`);
    const account = { user: 'state', password: new Secret('geheim'), getServerPublicKey: true };
    connection = await connect({ address: parseAddress(server.address), account });
  });

  afterAll(async () => {
    await connection.close();
    await server.stop();
  });

  it.each([1, 2, 3, 4, 5])('do what the model does, in any order of things (%i)', async (seed) => {
    const random = new Random(seed);
    const stream = `stream-${String(seed)}`;
    const candidates = [0, 1, 2].map((n) => ({ id: `host${n}/1/0000000${n}-1`, host: `host${n}`, held: 0 }));
    let now = 1_700_000_000_000;
    let row = null as LeaseRow | null;
    for (let step = 0; step < 150; step += 1) {
      // Also just at the edges of the timeouts, which are tens of seconds in all.
      now += random.pick([
        0,
        1,
        400,
        timeoutMs - 1,
        timeoutMs,
        timeoutMs + 1,
        2 * timeoutMs,
        2 * timeoutMs + 1,
      ]);
      await connection.run(`SET timestamp = ${(now / 1_000).toFixed(3)}`);
      const own = random.pick(candidates);
      const what = random.between(0, 9);
      if (what === 0 && row !== null) {
        const { sql, values } = withdrawStatement(schema, stream, own.id);
        await connection.run(sql, values);
        row = withdraw(row, own.id);
      } else if (what === 1 && row !== null) {
        const called = random.pick([anybody, own.host]);
        const { sql, values } = callStatement(schema, stream, called, row.token);
        await connection.run(sql, values);
        row = { ...row, called, calledAt: now };
      } else {
        const expired = row === null ? null : random.pick([null, row.sign, '2001-01-01 00:00:00.000000']);
        const held = row !== null && row.holder === own.id && random.chance(0.8) ? row.token : 0;
        const { sql, values } = attemptStatement(schema, stream, { ...own, held, expired }, timeoutMs);
        await connection.run(sql, values);
        const sign = `${new Date(now).toISOString().slice(0, 23).replace('T', ' ')}000`;
        row = attempt(row, { ...own, held, expired }, sign, now, timeoutMs);
      }
      expect(await stored(connection, stream, now)).toEqual(row);
    }
  });
});
