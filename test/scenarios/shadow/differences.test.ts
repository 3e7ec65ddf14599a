import { expect, test } from 'vitest';
import { isMove, type LogEvent } from '../../support/agent-process.js';
import { scenario } from '../../support/scenario.js';

/** Differences are told within this time. */
const withinMs = 5000;

test('what differs on the shadow is told with its row and place, and the stream goes on', async () => {
  const config = { shadow: true, matching: { margin: 64 } };
  await scenario({ config, topology: { replicas: 2 }, hintsEveryMs: 1000 }, async (stage) => {
    const { source } = stage;
    const [read, beside] = [stage.replica(0), stage.replica(1)];
    const agent = await stage.startAgent();
    const shadowed = agent.waitForEvent('shadow.started');
    await stage.startLoad({ rate: 1000 });
    await stage.delivered(100);
    await source.query(
      'CREATE TABLE shop.planted (id INT PRIMARY KEY, amount INT NOT NULL, note VARCHAR(20)) ENGINE=InnoDB',
    );
    await source.query(
      "INSERT INTO shop.planted VALUES (1, 10, 'a'), (2, 20, 'b'), (3, 30, 'c'), (4, 40, 'd')",
    );
    expect(await shadowed).toMatchObject({ server: beside.address });
    await stage.topology.waitForReplicas([beside]);
    const told = (kind: string, accept: (event: LogEvent) => boolean = () => true) =>
      agent.waitForEvent('replica.diverged', (event) => event['kind'] === kind && accept(event), withinMs);

    // A row that was changed without a trace shows at its next update.
    await beside.query('SET SESSION sql_log_bin = 0');
    await beside.query('UPDATE shop.planted SET amount = 999 WHERE id = 2');
    await beside.query('SET SESSION sql_log_bin = 1');
    await source.query("UPDATE shop.planted SET note = 'changed' WHERE id = 2");
    expect(await told('content')).toMatchObject({
      ...{ server: beside.address, other: read.address, table: 'shop.planted', key: { id: 2 } },
      ...{ columns: ['amount'], errant: false },
    });

    // The replica passes over a row that it lacks.
    const mode = source.vendor === 'mysql' ? 'replica_exec_mode' : 'slave_exec_mode';
    await beside.query(`SET GLOBAL ${mode} = 'IDEMPOTENT'`);
    const [stop, start] =
      source.vendor === 'mysql' ? ['STOP REPLICA', 'START REPLICA'] : ['STOP SLAVE', 'START SLAVE'];
    await beside.query(stop);
    await beside.query('SET SESSION sql_log_bin = 0');
    await beside.query('DELETE FROM shop.planted WHERE id = 3');
    await beside.query('SET SESSION sql_log_bin = 1');
    await beside.query(start);
    await source.query("UPDATE shop.planted SET note = 'lacks' WHERE id = 3");
    expect(await told('missing')).toMatchObject({
      ...{ server: beside.address, table: 'shop.planted', key: { id: 3 }, coordinates: null },
    });

    await beside.query("INSERT INTO shop.planted VALUES (77, 7, 'errant')");
    expect(await told('extra')).toMatchObject({
      ...{ errant: true, table: 'shop.planted', key: { id: 77 }, otherCoordinates: null },
    });

    if (source.vendor === 'mariadb') {
      await source.query('CREATE TABLE shop.twice (id INT) ENGINE=InnoDB');
      await source.query('INSERT INTO shop.twice VALUES (5)');
      const [row] = await source.query<{ gtid: string }>('SELECT @@last_gtid AS gtid');
      const [domain, server, number] = row!.gtid.split('-');
      await stage.topology.waitForReplicas([beside]);
      await beside.query(
        `SET SESSION gtid_domain_id = ${domain}, server_id = ${server}, gtid_seq_no = ${number}`,
      );
      await beside.query('INSERT INTO shop.twice VALUES (5)');
      // If so much has come in between that nobody remembers the first one, it is one more.
      const repeated = await Promise.race([
        told('repeated'),
        told('extra', (event) => event['table'] === 'shop.twice'),
      ]);
      expect(repeated).toMatchObject({ table: 'shop.twice', server: beside.address, errant: false });
    }

    // The differences are past when a hint and the margin have come behind them.
    await stage.hints.next();
    await stage.committed(400);
    await stage.hints.next();
    await stage.committed(400);
    await read.kill();
    expect(await agent.waitForEvent('failover.done', isMove)).toMatchObject({ to: beside.address });
    await stage.committed(50);
    await stage.finish();
  });
});
