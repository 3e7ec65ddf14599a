import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { createConnection, createPool } from 'mysql2';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import ZongJi, {
  type BinlogEvent,
  GtidSet,
  MariadbGtidPosition,
  type StartOptions,
  WriteRows,
} from '../../src/zongji/index.js';
import { makeRunFolder, removeRunFolder } from '../servers/folders.js';
import { startServer, type TestServer } from '../servers/index.js';
import { until } from '../servers/wait.js';
import { logsOf, newLog } from './fixtures/log-reading.js';

let server: TestServer;

beforeAll(async () => {
  server = await startServer();
  await server.query('CREATE DATABASE shop');
});

afterAll(() => server.stop());

beforeEach(async () => {
  await server.query('DROP TABLE IF EXISTS shop.t');
  await server.query('CREATE TABLE shop.t (id INT PRIMARY KEY)');
});

const connectionOf = (): Record<string, unknown> => {
  const { host, port, user, password } = server;
  return { host, port, user, password };
};

const running = new Set<ZongJi>();

function reader(dsn: string | object = connectionOf()): {
  zongji: ZongJi;
  events: BinlogEvent[];
  errors: Error[];
} {
  const zongji = new ZongJi(dsn);
  const events: BinlogEvent[] = [];
  const errors: Error[] = [];
  zongji.on('binlog', (event) => events.push(event));
  zongji.on('error', (error) => errors.push(error));
  running.add(zongji);
  return { zongji, events, errors };
}

beforeEach(() => async () => {
  for (const zongji of running) await stop(zongji);
  running.clear();
});

async function start(zongji: ZongJi, options: StartOptions = {}): Promise<void> {
  const ready = once(zongji, 'ready');
  zongji.start(options);
  await ready;
}

async function stop(zongji: ZongJi): Promise<void> {
  const stopped = once(zongji, 'stopped');
  zongji.stop();
  await stopped;
}

const idsOf = (events: readonly BinlogEvent[]): unknown[] =>
  events.flatMap((event) => (event instanceof WriteRows ? event.rows.map((row) => row['id']) : []));

async function untilIds(events: readonly BinlogEvent[], ...ids: number[]): Promise<void> {
  const last = ids.at(-1);
  await until(`${ids.join(', ')} have come`, () => Promise.resolve(idsOf(events).includes(last)));
  expect(idsOf(events)).toEqual(ids);
}

/** Whether transactions have GTIDs here: MySQL's have them where `gtid_mode` says so. */
async function hasGtids(): Promise<boolean> {
  if (server.vendor === 'mariadb') return true;
  const [row] = await server.query<{ mode: string }>('SELECT @@gtid_mode AS mode');
  return row?.mode === 'ON';
}

const insert = (...ids: number[]): Promise<unknown> =>
  server.query(`INSERT INTO shop.t VALUES ${ids.map((id) => `(${id})`).join(', ')}`);

describe('what ZongJi is made with', () => {
  const url = (): string => {
    const { user, password, host, port } = server;
    return `mysql://${user}:${encodeURIComponent(password)}@${host}:${port}/shop?dateStrings=true`;
  };
  const forms: Record<string, () => { dsn: string | object; end?: () => Promise<unknown> }> = {
    options: () => ({ dsn: connectionOf() }),
    'a URL': () => ({ dsn: url() }),
    'a URL in options': () => ({ dsn: { uri: url() } }),
    'a connection': () => {
      const connection = createConnection(connectionOf());
      return {
        dsn: connection,
        end: () =>
          connection
            .promise()
            .query('SELECT 1')
            .then(() => connection.promise().end()),
      };
    },
    'a pool': () => {
      const pool = createPool(connectionOf());
      return {
        dsn: pool,
        end: () =>
          pool
            .promise()
            .query('SELECT 1')
            .then(() => pool.promise().end()),
      };
    },
  };

  test.each(Object.keys(forms))('%s', async (form) => {
    const { dsn, end } = forms[form]!();
    const { zongji, events, errors } = reader(dsn);
    await start(zongji, { startAtEnd: true });
    await insert(1);
    await untilIds(events, 1);
    await stop(zongji);
    // What was given lives on.
    await end?.();
    expect(errors).toEqual([]);
  });

  test('what is not supported is refused by name', () => {
    expect(() => new ZongJi({ ...connectionOf(), socketPath: '/tmp/s' })).toThrow(/socketPath/);
    expect(() => new ZongJi({ ...connectionOf(), ssl: 'Amazon RDS' })).toThrow(/ssl/);
    expect(() => new ZongJi({ ...connectionOf(), timezone: 'Europe/Paris' })).toThrow(/timezone/);
    expect(() => new ZongJi('no URL')).toThrow(/URL/);
  });
});

describe('where it begins', () => {
  test('at the oldest event, unless told otherwise', async () => {
    const { zongji, events } = reader();
    await start(zongji);
    await insert(1);
    await until('the row has come', () => Promise.resolve(idsOf(events).includes(1)));
    expect(events.map((event) => event.getEventName())).toEqual(
      expect.arrayContaining(['rotate', 'format', 'query']),
    );
    expect(zongji).toMatchObject({ ready: true, stopped: false, isMariaDb: server.vendor === 'mariadb' });
    expect(zongji.serverVersion).toContain(server.version);
  });

  test('again where it was, by file and position, which never lie inside a transaction', async () => {
    const first = reader();
    await start(first.zongji, { startAtEnd: true });
    const places: unknown[] = [];
    first.zongji.on('binlog', () => places.push(first.zongji.get(['filename', 'position'])));
    await insert(1);
    await insert(2);
    await untilIds(first.events, 1, 2);
    await until('the transaction is over', () =>
      Promise.resolve(first.events.at(-1)?.getEventName() === 'xid'),
    );
    await stop(first.zongji);
    await insert(3);
    for (const place of new Set(places.map((one) => JSON.stringify(one)))) {
      const { zongji, events, errors } = reader();
      await start(zongji, JSON.parse(place) as StartOptions);
      await until('the last has come', () => Promise.resolve(idsOf(events).includes(3)));
      expect(errors).toEqual([]);
      await stop(zongji);
      expect([[3], [2, 3], [1, 2, 3]]).toContainEqual(idsOf(events));
    }
    expect(idsOf(first.events)).toEqual([1, 2]);
    const { zongji, events } = reader();
    await start(zongji, {
      filename: String(first.zongji.get('filename')),
      position: Number(first.zongji.get('position')),
    });
    await untilIds(events, 3);
  });

  test('again behind the transactions that it has had', async ({ skip }) => {
    skip(!(await hasGtids()), 'these servers have no GTIDs');
    const first = reader();
    await start(first.zongji, { startAtEnd: true });
    await insert(1);
    await insert(2);
    await untilIds(first.events, 1, 2);
    await until('the transaction is over', () =>
      Promise.resolve(first.events.at(-1)?.getEventName() === 'xid'),
    );
    const { gtidSet } = first.zongji;
    await stop(first.zongji);
    await insert(3);
    const { zongji, events } = reader();
    await start(zongji, { gtidSet: gtidSet! });
    await untilIds(events, 3);
    const written = events.find((event) => event instanceof WriteRows)?.gtid;
    if (server.vendor === 'mysql') {
      expect(GtidSet.parse(gtidSet!).contains(written)).toBe(false);
      await until('it is noted', () => Promise.resolve(GtidSet.parse(zongji.gtidSet!).contains(written)));
    } else {
      expect(MariadbGtidPosition.parse(gtidSet!).covers(written)).toBe(false);
      await until('it is noted', () =>
        Promise.resolve(MariadbGtidPosition.parse(zongji.gtidSet!).covers(written)),
      );
    }
  });

  test("the set of GTIDs is known from a file's beginning on, and from the middle it is not", async () => {
    const [{ Log_name: filename } = { Log_name: '' }] = await server.query<{ Log_name: string }>(
      'SHOW BINARY LOGS',
    );
    const whole = reader();
    await start(whole.zongji, { filename, position: 4 });
    await insert(1);
    await until('the row has come', () => Promise.resolve(idsOf(whole.events).includes(1)));
    expect(whole.zongji.gtidSet).toBeDefined();
    const { filename: file, position } = whole.zongji.get(['filename', 'position']) as {
      filename: string;
      position: number;
    };
    const part = reader();
    await start(part.zongji, { filename: file, position });
    await insert(2);
    await until('the row has come', () => Promise.resolve(idsOf(part.events).includes(2)));
    expect(part.zongji.gtidSet).toBeUndefined();
  });

  test('all that there is, behind no transaction at all', async ({ skip }) => {
    skip(!(await hasGtids()), 'these servers have no GTIDs');
    const { zongji, events } = reader();
    await insert(1);
    await start(zongji, { gtidSet: '' });
    await until('the row has come', () => Promise.resolve(idsOf(events).includes(1)));
  });

  test("not behind the other vendor's GTIDs, nor at a place that isn't there", async () => {
    const other = server.vendor === 'mysql' ? '0-1-5' : '00000000-0000-0000-0000-000000000001:1-5';
    const first = reader();
    first.zongji.start({ gtidSet: other });
    await until('it is refused', () => Promise.resolve(first.errors.length > 0));
    expect(first.errors[0]?.message).toMatch(/gtidSet is a (MySQL|MariaDB) GTID .* but the server is/);
    const neither = reader();
    neither.zongji.start({ gtidSet: 'none:1' });
    await new Promise(setImmediate);
    expect(neither.errors).toMatchObject([
      { code: 'usage', message: expect.stringMatching(/Invalid GTID/) as string },
    ]);
    expect(neither.zongji.ready).toBe(false);
    const second = reader();
    second.zongji.start({ filename: 'none.000001', position: 4 });
    await until('it is refused', () => Promise.resolve(second.errors.length > 0));
    expect(second.errors[0]).toMatchObject({
      errno: 1236,
      code: 'ER_MASTER_FATAL_ERROR_READING_BINLOG',
      fatal: true,
    });
  });
});

describe('while it reads', () => {
  test('start changes the filters', async () => {
    const { zongji, events } = reader();
    await start(zongji, { startAtEnd: true, includeEvents: ['tablemap', 'writerows'] });
    await insert(1);
    await untilIds(events, 1);
    expect(new Set(events.map((event) => event.getEventName()))).toEqual(new Set(['tablemap', 'writerows']));
    zongji.start({ includeSchema: { shop: ['other'] } });
    await insert(2);
    await server.query('CREATE TABLE shop.other (id INT)');
    await server.query('INSERT INTO shop.other VALUES (7)');
    await until('the other row has come', () => Promise.resolve(idsOf(events).includes(7)));
    expect(idsOf(events)).toEqual([1, 7]);
    await server.query('DROP TABLE shop.other');
  });

  test('pause holds events back, resume has them come', async () => {
    const { zongji, events } = reader();
    await start(zongji, { startAtEnd: true });
    await insert(1);
    await untilIds(events, 1);
    zongji.pause();
    await insert(2);
    const other = reader();
    await start(other.zongji, { startAtEnd: true });
    await insert(3);
    await untilIds(other.events, 3);
    expect(idsOf(events)).toEqual([1]);
    zongji.resume();
    await untilIds(events, 1, 2, 3);
  });

  test('a listener that stops it has no further event', async () => {
    const { zongji, events } = reader();
    zongji.on('binlog', (event) => {
      if (event instanceof WriteRows) zongji.stop();
    });
    await start(zongji, { startAtEnd: true });
    const stopped = once(zongji, 'stopped');
    await insert(1);
    await stopped;
    expect(events.at(-1)).toBeInstanceOf(WriteRows);
    await start(zongji, { startAtEnd: true, includeEvents: ['query'] });
    await server.query('CREATE TABLE shop.again (id INT)');
    await until('it reads again', () => Promise.resolve(events.at(-1)?.getEventName() === 'query'));
    await server.query('DROP TABLE shop.again');
  });

  test('nonBlock ends it at the end', async () => {
    const { zongji, events, errors } = reader();
    await insert(1);
    await start(zongji, { nonBlock: true });
    await until('it has ended', () => Promise.resolve(!zongji.ready));
    expect(idsOf(events)).toContain(1);
    expect(errors).toEqual([]);
  });

  describe('where the log has no names', () => {
    beforeAll(async () => {
      const without = server.vendor === 'mysql' ? 'MINIMAL' : 'NO_LOG';
      await server.query(`SET GLOBAL binlog_row_metadata = ${without}`);
      return () => server.query('SET GLOBAL binlog_row_metadata = FULL');
    });

    const rowsOf = (events: readonly BinlogEvent[]): unknown[] =>
      events.flatMap((event) => (event instanceof WriteRows ? event.rows : []));

    test('columns have the names that they had when the rows were written', async () => {
      const { zongji, events, errors } = reader();
      await server.query('FLUSH BINARY LOGS');
      await server.query('DROP TABLE shop.t');
      await server.query(
        "CREATE TABLE shop.t (id INT, a VARCHAR(9) COMMENT 'c', b INT) CHARACTER SET utf8mb4",
      );
      await server.query("INSERT INTO shop.t VALUES (1, 'ä', 2)");
      await server.query('ALTER TABLE shop.t RENAME COLUMN a TO c, MODIFY b INT UNSIGNED FIRST');
      await server.query("INSERT INTO shop.t VALUES (4294967295, 2, 'ö')");
      await server.query('ALTER TABLE shop.t RENAME COLUMN b TO a, RENAME COLUMN c TO b');
      await server.query("INSERT INTO shop.t VALUES (1, 3, 'ü')");
      const files = await server.query<{ Log_name: string }>('SHOW BINARY LOGS');
      await start(zongji, { filename: files.at(-1)!.Log_name });
      await until('all has come', () => Promise.resolve(rowsOf(events).length === 3));
      expect(errors).toEqual([]);
      expect(rowsOf(events)).toEqual([
        { id: 1, a: 'ä', b: 2 },
        { b: 4_294_967_295, id: 2, c: 'ö' },
        { a: 1, id: 3, b: 'ü' },
      ]);
    });

    test('what they were called is not guessed: reading ends with an error that names the table', async () => {
      const { zongji, events, errors } = reader();
      await server.query('DROP TABLE shop.t');
      await server.query('CREATE TABLE shop.t (id INT, a INT, b INT)');
      await server.query('FLUSH BINARY LOGS');
      await server.query('INSERT INTO shop.t VALUES (1, 2, 3)');
      await server.query('ALTER TABLE shop.t RENAME COLUMN a TO b, RENAME COLUMN b TO a');
      const files = await server.query<{ Log_name: string }>('SHOW BINARY LOGS');
      await start(zongji, { filename: files.at(-1)!.Log_name });
      await until('it has ended', () => Promise.resolve(errors.length > 0));
      expect(errors).toMatchObject([{ fatal: true, message: expect.stringContaining('shop.t') as string }]);
      expect(errors[0]!.message).toContain('SET GLOBAL binlog_row_metadata = FULL');
      expect(rowsOf(events)).toEqual([]);
      expect(zongji.ready).toBe(false);
    });
  });

  test('MariaDB sends the statements behind rows where they are asked for', async ({ skip }) => {
    if (server.vendor !== 'mariadb') return skip('MySQL sends them by a setting of its own');
    const { zongji, events } = reader();
    await start(zongji, { startAtEnd: true, requestAnnotateRows: true });
    await insert(1);
    await untilIds(events, 1);
    expect(events.map((event) => ('statement' in event ? event.statement : null))).toContain(
      'INSERT INTO shop.t VALUES (1)',
    );
  });

  test('a partial JSON update ends it, with its table named', async ({ skip }) => {
    if (server.vendor !== 'mysql') return skip('MariaDB has none');
    await server.query('CREATE TABLE shop.documents (id INT PRIMARY KEY, j JSON)');
    await server.query(`INSERT INTO shop.documents VALUES (1, '{"a": "${'x'.repeat(200)}", "b": 1}')`);
    const { zongji, errors, events } = reader();
    await start(zongji, { startAtEnd: true });
    const session = await server.connect({ database: 'shop' });
    await session.query("SET SESSION binlog_row_value_options = 'PARTIAL_JSON'");
    await session.query("UPDATE documents SET j = JSON_SET(j, '$.b', 2)");
    await until('it has ended', () => Promise.resolve(errors.length > 0));
    expect(errors).toMatchObject([{ code: 'unsupported-event', fatal: true }]);
    expect(errors[0]?.message).toContain('shop.documents');
    expect(events.some((event) => 'rows' in event)).toBe(false);
    expect(zongji.ready).toBe(false);
  });

  test('the program can ask the server', async () => {
    const { zongji } = reader();
    await start(zongji, { startAtEnd: true });
    const rows = await new Promise((resolve, reject) => {
      zongji.ctrlConnection!.query('SELECT ? AS given', ['x'], (error, answer) => {
        if (error) reject(error);
        else resolve(answer);
      });
    });
    expect(rows).toEqual([{ given: 'x' }]);
    const refusal = await new Promise((resolve) => {
      zongji.ctrlConnection!.execute('SELECT nothing', resolve);
    });
    expect(refusal).toMatchObject({ code: 'ER_BAD_FIELD_ERROR' });
  });

  test('what is prepared only is no transaction that it has had', async ({ skip }) => {
    skip(!(await hasGtids()), 'these servers have no GTIDs');
    const { zongji, events } = reader();
    await start(zongji, { startAtEnd: true });
    const before = zongji.gtidSet;
    const session = await server.connect({ database: 'shop' });
    for (const sql of ['XA START "x"', 'INSERT INTO t VALUES (1)', 'XA END "x"', 'XA PREPARE "x"'])
      await session.query(sql);
    await until('it is prepared', () => Promise.resolve(events.at(-1)?.getEventName() === 'xaprepare'));
    expect(zongji.gtidSet).toBe(before);
    await session.query('XA COMMIT "x"');
    await until('it is committed', () => Promise.resolve(zongji.gtidSet !== before));
  });

  test('dump prints the event', async () => {
    const { zongji, events } = reader();
    await start(zongji, { startAtEnd: true });
    await insert(1);
    await untilIds(events, 1);
    const lines: string[] = [];
    const { log } = console;
    console.log = (...parts: unknown[]): void => void lines.push(parts.map(String).join(' '));
    try {
      for (const event of events) event.dump();
    } finally {
      console.log = log;
    }
    expect(lines).toEqual(expect.arrayContaining(['=== WriteRows ===', 'Table: t', 'Column: id, Value: 1']));
  });
});

describe('errors have the codes of mysql2', () => {
  test.each([
    [{ port: 1 }, 'ECONNREFUSED'],
    [{ user: 'nobody', password: 'x' }, 'ER_ACCESS_DENIED_ERROR'],
  ])('%o: %s', async (wrong, code) => {
    const { zongji, errors } = reader({ ...connectionOf(), ...wrong });
    zongji.start();
    await until('it has failed', () => Promise.resolve(errors.length > 0));
    expect(errors).toMatchObject([{ code }]);
  });

  test('the connection that is killed', async () => {
    const { zongji, errors } = reader();
    await start(zongji, { startAtEnd: true });
    await server.query(`KILL ${zongji.connection!.threadId}`);
    await until('it has failed', () => Promise.resolve(errors.length > 0));
    expect(errors).toMatchObject([{ code: 'PROTOCOL_CONNECTION_LOST', fatal: true }]);
    await start(zongji, { startAtEnd: true });
    await server.query(`KILL ${zongji.ctrlConnection!.threadId}`);
    await until('it is told', () => Promise.resolve(errors.length > 1));
    expect(errors[1]).toMatchObject({ code: 'PROTOCOL_CONNECTION_LOST', fatal: false });
  });
});

describe('as a package', () => {
  const root = fileURLToPath(new URL('../..', import.meta.url));
  let folder: string;

  beforeEach(async () => {
    folder = await makeRunFolder();
    await mkdir(join(folder, 'node_modules'));
    await symlink(root, join(folder, 'node_modules/waymark'));
    return () => removeRunFolder(folder);
  });

  const program = `
    const zongji = new ZongJi(JSON.parse(process.argv[2]));
    zongji.on('binlog', (event) => {
      if (event.getTypeName() !== 'WriteRows') return;
      console.log(JSON.stringify(event.rows), typeof GtidSet.parse);
      zongji.stop();
    });
    zongji.start({ includeEvents: ['tablemap', 'writerows'], includeSchema: { shop: ['packaged'] } });`;

  const imports: Record<string, string> = {
    'program.mjs': "import ZongJi, { GtidSet } from 'waymark/zongji';",
    'program.cjs': "const ZongJi = require('waymark/zongji'); const { GtidSet } = ZongJi;",
    'default.cjs': "const { default: ZongJi, GtidSet } = require('waymark/zongji');",
    'dynamic.cjs': "import('waymark/zongji').then(({ default: ZongJi, GtidSet }) => {",
  };

  test.each(Object.keys(imports))('%s', async (name) => {
    await server.query('CREATE TABLE IF NOT EXISTS shop.packaged (id INT)');
    await server.query('INSERT INTO shop.packaged VALUES (5)');
    const file = join(folder, name);
    const code = imports[name]!;
    await writeFile(file, code + program + (code.endsWith('{') ? '});' : ''));
    const args = [file, JSON.stringify(connectionOf())];
    const env = { ...process.env, NODE_OPTIONS: '' };
    const { stdout, stderr } = await promisify(execFile)(process.execPath, args, {
      cwd: folder,
      timeout: 20_000,
      env,
    });
    expect(stdout).toBe('[{"id":5}] function\n');
    expect(stderr).toBe('');
  });

  test("zongji's own example runs, but for its import and where the server is", async () => {
    const example = await readFile(join(root, 'node_modules/@vlasky/zongji/example.js'), 'utf8');
    const ours = example
      .replace("'./index.js'", "'waymark/zongji'")
      .replace(/host *: 'localhost'/, `host: '${server.host}', port: ${server.port}`);
    expect(ours).toContain("from 'waymark/zongji'");
    expect(ours).toContain(String(server.port));
    await writeFile(join(folder, 'example.mjs'), ours);
    await server.query("CREATE USER IF NOT EXISTS zongji@'%' IDENTIFIED BY 'zongji'");
    await server.query("GRANT ALL ON *.* TO zongji@'%'");
    // It reads from the first log on, and tables of the tests before are gone.
    const { file } = await newLog(server);
    // A file that a reader of the test before still has isn't purged.
    await until('the logs before are purged', async () => {
      await server.query('PURGE BINARY LOGS TO ?', [file]);
      return (await logsOf(server))[0]?.file === file;
    });
    await server.query('CREATE TABLE IF NOT EXISTS shop.exemplary (id INT, note VARCHAR(20))');
    await server.query("INSERT INTO shop.exemplary VALUES (1, 'Zoë')");
    await server.query("UPDATE shop.exemplary SET note = 'Zöe'");
    await server.query('DELETE FROM shop.exemplary');
    const child = spawn(process.execPath, [join(folder, 'example.mjs')], {
      env: { ...process.env, NODE_OPTIONS: '' },
    });
    let output = '';
    const take = (text: Buffer): void => {
      output += text.toString();
    };
    child.stdout.on('data', take);
    child.stderr.on('data', take);
    const ended = once(child, 'exit');
    await until('the last row is printed', () =>
      Promise.resolve(output.includes('Column: note, Value: Zöe')),
    ).catch((error: unknown) => {
      throw new Error(`${String(error)}; there is:\n${output}`, { cause: error });
    });
    await until('its end is printed', () => Promise.resolve(/=== DeleteRows ===[^]*Value: Zöe/.test(output)));
    child.kill('SIGINT');
    expect(await ended).toEqual([0, null]);
    expect(output).not.toContain('error');
    for (const shown of [
      '=== TableMap ===',
      'Table: exemplary',
      '=== WriteRows ===',
      'Value: Zoë => Zöe',
      'Got SIGINT.',
    ]) {
      expect(output).toContain(shown);
    }
  });

  test('its types are right, and tell events apart by their names', async () => {
    const typed = `import ZongJi, { type AnyBinlogEvent, type BinlogEventByTypeName, type BinlogEventTypeName } from 'waymark/zongji';
      const is = <Name extends BinlogEventTypeName>(event: AnyBinlogEvent, name: Name): event is BinlogEventByTypeName<Name> =>
        event.getTypeName() === name;
      const zongji = new ZongJi({ host: 'db1', user: 'u' });
      zongji.on('binlog', (event) => {
        const name: BinlogEventTypeName = event.getTypeName();
        if (is(event, 'UpdateRows')) console.log(name, event.rows[0]?.before['id'], event.tableMap[event.tableId]?.tableName);
        // @ts-expect-error: no event is called so
        if (event.getEventName() === 'updated') return;
      });
      zongji.on('error', (error) => console.error(error.message));
      zongji.start({ startAtEnd: true, includeSchema: { shop: true, meta: ['a'] } });
      // @ts-expect-error: there is no such option
      zongji.start({ startAtBeginning: true });`;
    await writeFile(join(folder, 'typed.mts'), typed);
    await symlink(join(root, 'node_modules/@types'), join(folder, 'node_modules/@types'));
    const options =
      '--noEmit --strict --skipLibCheck --target es2023 --types node --module nodenext --moduleResolution nodenext';
    const args = [join(root, 'node_modules/typescript/bin/tsc'), ...options.split(' '), 'typed.mts'];
    const wrong = await promisify(execFile)(process.execPath, args, { cwd: folder, timeout: 60_000 }).then(
      () => '',
      (error: unknown) => (error as { stdout: string }).stdout,
    );
    expect(wrong).toBe('');
  });

  test('what a listener throws, and an error that nobody listens to, end the program', async () => {
    await insert(6);
    const throwing = `import ZongJi from 'waymark/zongji';
      const zongji = new ZongJi(JSON.parse(process.argv[2]));
      if (process.argv[3] === 'throw') zongji.on('binlog', () => { throw new TypeError('of the program'); });
      zongji.start();`;
    await writeFile(join(folder, 'throwing.mjs'), throwing);
    const run = async (connection: object, ...args: string[]): Promise<string> => {
      const all = [join(folder, 'throwing.mjs'), JSON.stringify(connection), ...args];
      const ended = await promisify(execFile)(process.execPath, all, { timeout: 20_000 }).catch(
        (error: unknown) => error,
      );
      return (ended as { stderr: string }).stderr;
    };
    expect(await run(connectionOf(), 'throw')).toMatch(/TypeError: of the program/);
    expect(await run({ ...connectionOf(), port: 1 })).toMatch(/ECONNREFUSED/);
  });
});
