/** Other readers of binary logs, as processes of their own: each reads so many rows from the beginning of a file. */
import { execFile, spawnSync } from 'node:child_process';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import ZongJi from '@vlasky/zongji';
import type { TestServer } from '../servers/index.js';
import type { Files } from './data.js';

const run = promisify(execFile);
const here = (path: string): string => fileURLToPath(new URL(`peers/${path}`, import.meta.url));
const buildLimitMs = 10 * 60_000;
const readLimitMs = 5 * 60_000;

/** A reader, and the seconds that it takes. */
export type Peer = {
  readonly name: string;
  read(server: TestServer, files: Files, rows: number): Promise<number>;
};

/**
 * The peers whose tools are there, built into a folder; a line is printed for each that isn't.
 * @param folder for what they are built to, and write.
 */
export async function peersIn(folder: string): Promise<Peer[]> {
  const found: (Peer | string)[] = [
    zongji,
    mariadbBinlog(),
    await goMysql(folder),
    await javaConnector(folder),
  ];
  return found.filter((peer): peer is Peer => {
    if (typeof peer === 'string') console.log(`skipped: ${peer}`);
    return typeof peer !== 'string';
  });
}

function has(program: string): boolean {
  return spawnSync(program, ['--version']).error === undefined;
}

/** Decodes rows to objects, and drops them. */
const zongji: Peer = {
  name: 'zongji, decoding alone',
  async read({ host, port, user, password }, files, rows) {
    const reader = new ZongJi({ host, port, user, password, dateStrings: true });
    let seen = 0;
    const began = performance.now();
    await new Promise<void>((resolve, reject) => {
      reader.on('error', reject);
      reader.on('binlog', (event: object) => {
        if ('rows' in event && Array.isArray(event.rows)) seen += event.rows.length;
        if (seen >= rows) resolve();
      });
      reader.start({
        filename: files.files[0] ?? '',
        position: 4,
        serverId: 3_000_000_001,
        includeEvents: ['tablemap', 'writerows', 'updaterows', 'deleterows', 'rotate'],
      });
    });
    const seconds = (performance.now() - began) / 1000;
    reader.stop();
    return seconds;
  },
};

/** Prints rows as comments, to nowhere. A whole process, which is up in a moment. */
function mariadbBinlog(): Peer | string {
  if (!has('mariadb-binlog')) return 'mariadb-binlog (Debian: mariadb-client)';
  return {
    name: 'mariadb-binlog -v, to /dev/null',
    async read({ host, port, user, password }, files) {
      const args = ['--no-defaults', '--read-from-remote-server', '-v', '--base64-output=DECODE-ROWS'];
      args.push(`--host=${host}`, `--port=${port}`, `--user=${user}`, `--password=${password}`);
      args.push('--result-file=/dev/null', ...files.files);
      const began = performance.now();
      await run('mariadb-binlog', args, { timeout: readLimitMs });
      return (performance.now() - began) / 1000;
    },
  };
}

/** Says itself how long it took. */
async function own(program: string, args: readonly string[], output: string): Promise<number> {
  const { stdout } = await run(program, [...args], { timeout: readLimitMs });
  await rm(output, { force: true });
  return Number(stdout.trim());
}

async function goMysql(folder: string): Promise<Peer | string> {
  if (!has('go')) return 'go-mysql (no go)';
  const program = join(folder, 'go-reader');
  try {
    await run('go', ['build', '-o', program, '.'], { cwd: here('go'), timeout: buildLimitMs });
  } catch (error) {
    return `go-mysql (${String(error).slice(0, 300)})`;
  }
  const output = join(folder, 'go.ndjson');
  return {
    name: 'go-mysql, JSON lines to a file',
    read: ({ vendor, host, port, user, password }, files, rows) =>
      own(
        program,
        [vendor, host, String(port), user, password, files.files[0] ?? '', String(rows), output],
        output,
      ),
  };
}

async function javaConnector(folder: string): Promise<Peer | string> {
  const name = 'mysql-binlog-connector-java';
  if (!has('java') || !has('mvn')) return `${name} (no java or mvn)`;
  const jars = join(folder, 'jars');
  const classes = join(folder, 'classes');
  try {
    const maven = ['-q', '-B', '-f', here('java/pom.xml'), 'dependency:copy-dependencies'];
    await run('mvn', [...maven, `-DoutputDirectory=${jars}`], { timeout: buildLimitMs });
    const path = (await readdir(jars)).map((jar) => join(jars, jar)).join(':');
    await run('javac', ['-d', classes, '-cp', path, here('java/src/main/java/Reader.java')], {
      timeout: buildLimitMs,
    });
    const output = join(folder, 'java.ndjson');
    return {
      name: `${name}, JSON lines to a file`,
      read: ({ host, port, user, password }, files, rows) =>
        own(
          'java',
          [
            ...['-cp', `${classes}:${path}`, 'Reader', host, String(port), user, password],
            ...[files.files[0] ?? '', String(rows), output],
          ],
          output,
        ),
    };
  } catch (error) {
    return `${name} (${String(error).slice(0, 300)})`;
  }
}
