import { execFile } from 'node:child_process';
import { mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { makeRunFolder, removeRunFolder } from '../servers/folders.js';
import { startServer, type TestServer } from '../servers/index.js';

/**
 * zongji's own test suite, from its repository, run against ours: what it imports of zongji is ours, and nothing else is
 * changed. WAYMARK_ZONGJI_REPOSITORY names a clone of it, for where it can't be had.
 */
const root = fileURLToPath(new URL('../..', import.meta.url));

const run = promisify(execFile);

/** Suites of zongji's insides, which ours has not. */
const ofInsides = ['codemap.js', 'parser.js', 'gtidset.js'];

/** Tests that expect what zongji has wrong. */
const expectsFaults: Readonly<Record<string, readonly string[]>> = {
  // Columns that the log has not, as null.
  'rowimage.js': ['Update with binlog_row_image=minmal', 'Update with binlog_row_image=noblob'],
  // That transactions are lost.
  'events.js': ['Transaction compression emits unsupported-event error'],
};

const limits = { clone: 60_000, install: 240_000, suite: 120_000 } as const;

let server: TestServer;
let folder: string;
let suite: string | null;

async function succeeds(work: Promise<unknown>): Promise<boolean> {
  return work.then(
    () => true,
    () => false,
  );
}

/** Where zongji says that its repository is. */
async function repository(): Promise<string> {
  const given = process.env['WAYMARK_ZONGJI_REPOSITORY'];
  if (given !== undefined) return given;
  const text = await readFile(join(root, 'node_modules/@vlasky/zongji/package.json'), 'utf8');
  const { repository: told } = JSON.parse(text) as { repository: { url: string } };
  return told.url.replace(/^git\+/, '');
}

/** The suite with what it needs, and ours in the place of zongji; null where it can't be had. */
async function fetchSuite(): Promise<string | null> {
  const path = join(folder, 'zongji');
  const env = { ...process.env, GIT_TERMINAL_PROMPT: '0' };
  const cloning = run('git', ['clone', '--quiet', '--depth', '1', await repository(), path], {
    timeout: limits.clone,
    env,
  });
  if (!(await succeeds(cloning))) return null;
  const manifest = JSON.parse(await readFile(join(path, 'package.json'), 'utf8')) as { type?: string };
  const install = ['install', '--no-audit', '--no-fund', '--ignore-scripts', '--prefer-offline'];
  if (!(await succeeds(run('npm', install, { cwd: path, timeout: limits.install })))) return null;
  await mkdir(join(path, 'node_modules'), { recursive: true });
  await symlink(root, join(path, 'node_modules/waymark'));
  const ours =
    manifest.type === 'module'
      ? "export { default, GtidSet, MariadbGtidPosition } from 'waymark/zongji';"
      : "module.exports = require('waymark/zongji');";
  await writeFile(join(path, 'index.js'), ours);
  return path;
}

beforeAll(
  async () => {
    folder = await makeRunFolder();
    suite = await fetchSuite();
    if (suite === null) return;
    server = await startServer({ settings: { max_allowed_packet: 64 * 1024 * 1024 } });
    // The account that the suite uses.
    for (const host of ['127.0.0.1', 'localhost', '%']) {
      await server.query(`CREATE USER IF NOT EXISTS root@'${host}'`);
      await server.query(`ALTER USER root@'${host}' IDENTIFIED BY 'numtel'`);
      await server.query(`GRANT ALL ON *.* TO root@'${host}' WITH GRANT OPTION`);
    }
  },
  limits.clone + limits.install + 60_000,
);

afterAll(async () => {
  if (suite !== null) await server.stop();
  await removeRunFolder(folder);
});

/** The tests of a file of the suite, and whether each has passed: the first level of its report (TAP). */
async function report(path: string, file: string): Promise<ReadonlyMap<string, boolean>> {
  const env = {
    ...process.env,
    ...{
      NODE_OPTIONS: '',
      MYSQL_HOST: server.host,
      TEST_MYSQL_HOST: server.host,
      TEST_MYSQL_PORT: String(server.port),
    },
  };
  const options = { cwd: path, env, timeout: limits.suite, maxBuffer: 64 * 1024 * 1024 };
  const { stdout } = await run(process.execPath, [join('test', file)], options).catch(
    (error: unknown) => error as { stdout: string },
  );
  const lines = stdout.matchAll(/^(not )?ok \d+ - (.*?)(?: # .*)?$/gm);
  return new Map([...lines].map(([, not, name = '']) => [name, not === undefined]));
}

describe("zongji's own suite", () => {
  beforeEach(({ skip }) => {
    if (suite === null) skip("zongji's repository, or what its suite needs, can't be had");
  });

  test('runs against ours, but for what zongji has wrong', { timeout: 15 * limits.suite }, async () => {
    const path = suite ?? '';
    const files = (await readdir(join(path, 'test'))).filter(
      (name) => name.endsWith('.js') && !ofInsides.includes(name),
    );
    expect(files).toEqual(
      expect.arrayContaining(['errors.js', 'events.js', 'filtering.js', 'rowimage.js', 'types.js']),
    );
    for (const file of files) {
      const tests = await report(path, file);
      expect(tests.size, file).toBeGreaterThan(0);
      const failed = [...tests].filter(([, passed]) => !passed).map(([name]) => name);
      const expected = (expectsFaults[file] ?? []).filter((name) => tests.has(name));
      expect(failed, file).toEqual(expected);
    }
  });
});
