import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { ServerSettings } from '../../servers/index.js';
import { until } from '../../servers/wait.js';
import { type AgentConfig, type Scenario, scenario } from '../../support/scenario.js';

/** Without names in the log the server's dictionary tells them, as they are now. */
const nameless: ServerSettings = { binlog_row_metadata: 'MINIMAL' };
const options = { topology: { replicas: [nameless, nameless] } };

async function start(stage: Scenario, change: AgentConfig = {}): Promise<void> {
  const { source, topology } = stage;
  await source.query("GRANT SELECT ON *.* TO 'waymark'@'%'");
  await source.query('CREATE DATABASE shop');
  await source.query(
    'CREATE TABLE shop.orders (id INT PRIMARY KEY, a INT, b INT, note VARCHAR(40) CHARACTER SET latin1)',
  );
  await stage.hints.next();
  await topology.waitForReplicas();
  await stage.startAgent(change);
  await source.query("INSERT INTO shop.orders VALUES (1, 10, 20, 'före')");
  await holds(stage, '"id":1,');
}

async function holds({ follower, agents }: Scenario, text: string): Promise<void> {
  await until(`the audit holds ${text}`, () => follower.holds(text), { timeoutMs: 40_000 }).catch(
    (error: unknown) => {
      throw new Error(`${String(error)}\n${agents.at(-1)?.log() ?? ''}`);
    },
  );
}

/** Rows before, between and behind changes of their table, all of them before anybody reads on. */
async function changeTheTable({ source, topology, hints }: Scenario): Promise<void> {
  await source.query("INSERT INTO shop.orders VALUES (2, 11, 21, 'före')");
  await source.query('ALTER TABLE shop.orders RENAME COLUMN a TO b, RENAME COLUMN b TO a');
  await source.query("INSERT INTO shop.orders VALUES (3, 12, 22, 'mitt')");
  await source.query(
    'ALTER TABLE shop.orders MODIFY note VARCHAR(40) CHARACTER SET utf8mb4, ADD c INT FIRST',
  );
  await source.query("INSERT INTO shop.orders VALUES (30, 4, 13, 23, 'efter')");
  await source.query('RENAME TABLE shop.orders TO shop.former');
  await source.query('CREATE TABLE shop.orders (id INT PRIMARY KEY, total INT UNSIGNED)');
  await source.query('INSERT INTO shop.orders VALUES (5, 4294967295)');
  await source.query("INSERT INTO shop.former VALUES (40, 6, 14, 24, 'sedan')");
  await hints.next();
  await topology.waitForReplicas();
}

async function rowsOf(stage: Scenario): Promise<unknown[]> {
  const rows: unknown[] = [];
  for await (const record of stage.records()) {
    if (record.type === 'row' && record.schema === 'shop' && record.op === 'insert') {
      rows.push({ [record.table ?? '']: record.after });
    }
  }
  return rows;
}

const expected = [
  { orders: { id: 1, a: 10, b: 20, note: 'före' } },
  { orders: { id: 2, a: 11, b: 21, note: 'före' } },
  { orders: { id: 3, b: 12, a: 22, note: 'mitt' } },
  { orders: { c: 30, id: 4, b: 13, a: 23, note: 'efter' } },
  { orders: { id: 5, total: 4_294_967_295 } },
  { former: { c: 40, id: 6, b: 14, a: 24, note: 'sedan' } },
];

test('the agent is stopped between: rows have the names of their time', async () => {
  await scenario(options, async (stage) => {
    await start(stage);
    await stage.stopAgent();
    await changeTheTable(stage);
    await stage.startAgent();
    await holds(stage, '"c":40,');
    await stage.stopAgent();
    expect(await rowsOf(stage)).toEqual(expected);
  });
});

test('the agent is killed right behind a change: the same', async () => {
  await scenario(options, async (stage) => {
    await start(stage);
    const record = join(stage.folder, 'state', 'scenario.layouts');
    await until('the layouts are kept', () => Promise.resolve(existsSync(record)));
    // The sink may hold these when the checkpoint doesn't.
    await stage.source.query('ALTER TABLE shop.orders RENAME COLUMN a TO b, RENAME COLUMN b TO a');
    await stage.source.query("INSERT INTO shop.orders VALUES (9, 19, 29, 'sist')");
    await holds(stage, '"id":9,');
    await stage.agent.kill();
    await stage.source.query('ALTER TABLE shop.orders RENAME COLUMN a TO b, RENAME COLUMN b TO a');
    await changeTheTable(stage);
    await stage.startAgent();
    await holds(stage, '"c":40,');
    await stage.stopAgent();
    const [first, ...rest] = expected;
    const between = { orders: { id: 9, b: 19, a: 29, note: 'sist' } };
    expect(await rowsOf(stage)).toEqual([first, between, ...rest]);
  });
});

test('the agent is stopped, and goes on from another server', async () => {
  await scenario(options, async (stage) => {
    await start(stage);
    await stage.stopAgent();
    await changeTheTable(stage);
    await stage.replica(0).kill();
    await stage.startAgent();
    await holds(stage, '"c":40,');
    await stage.stopAgent();
    expect(await rowsOf(stage)).toEqual(expected);
  });
});

test('the server is killed while the table changes', async () => {
  await scenario(options, async (stage) => {
    await start(stage);
    await stage.source.query('CREATE TABLE shop.first (id INT PRIMARY KEY)');
    await stage.hints.next();
    await stage.replica(0).kill();
    await changeTheTable(stage).catch(() => undefined);
    await holds(stage, '"c":40,');
    await stage.stopAgent();
    expect(await rowsOf(stage)).toEqual(expected);
  });
});

test('without its checkpoint the agent can not know: it halts by name, or numbers', async () => {
  await scenario(options, async (stage) => {
    await start(stage);
    await stage.stopAgent();
    await changeTheTable(stage);
    await stage.loseCheckpoint();
    const halted = await stage.launchAgent();
    const end = await halted.ended;
    expect(end.code).toBe(1);
    expect(halted.all('stopped').at(-1)).toMatchObject({ code: 'unsupported-event' });
    expect(halted.log()).toContain('SET GLOBAL binlog_row_metadata = FULL');
    await stage.startAgent({ unprovedNames: 'number' });
    await holds(stage, '"c":40,');
    await stage.stopAgent();
    const rows = await rowsOf(stage);
    expect(rows.slice(1, 4).map((row) => Object.keys((row as { orders: object }).orders))).toEqual([
      ['@1', '@2', '@3', '@4'],
      ['@1', '@2', '@3', '@4'],
      ['@1', '@2', '@3', '@4', '@5'],
    ]);
    expect(rows.slice(4)).toEqual(expected.slice(4));
  });
});
