import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { copyFile, cp, mkdir, realpath, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { makeRunFolder, removeRunFolder } from '../servers/folders.js';
import { startTopology, type Topology } from '../servers/index.js';
import { claimPort } from '../servers/ports.js';
import { acquit, entrust } from '../servers/reaper.js';
import { messageOf, until } from '../servers/wait.js';
import { presentImages } from '../setup/provider.mjs';
import { agentPrivileges } from '../support/grants.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const healthCheck = fileURLToPath(new URL('../../docker/agent/healthcheck.mjs', import.meta.url));
const run = promisify(execFile);

describe("the image's health check", () => {
  async function check(status: number): Promise<{ code: number; stdout: string }> {
    const server = createServer((_request, response) => {
      response.writeHead(status).end(`{"status":${status}}\n`);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    const port = typeof address === 'object' ? address?.port : undefined;
    try {
      return await ask(`http://127.0.0.1:${port ?? 0}/healthz`);
    } finally {
      server.close();
    }
  }

  async function ask(url: string): Promise<{ code: number; stdout: string }> {
    const env = { ...process.env, NODE_OPTIONS: '', WAYMARK_HEALTH_URL: url };
    return run(process.execPath, [healthCheck], { env, timeout: 20_000 }).then(
      ({ stdout }) => ({ code: 0, stdout }),
      (error: unknown) => error as { code: number; stdout: string },
    );
  }

  test('follows what the agent says', async () => {
    expect(await check(200)).toMatchObject({ code: 0, stdout: '{"status":200}\n' });
    expect(await check(503)).toMatchObject({ code: 1, stdout: '{"status":503}\n' });
    const silent = await ask('http://127.0.0.1:1/healthz');
    expect(silent).toMatchObject({ code: 1 });
    expect(silent.stdout).toMatch(/^no answer from http:\/\/127.0.0.1:1\/healthz: .*ECONNREFUSED/);
  });
});

/** What the image is based on: the official one, or this machine's own Node on a bare Debian of the test images. */
const official = process.env['WAYMARK_TEST_IMAGE_NODE'] ?? 'node:22-bookworm-slim';
const bare = 'waymark-test/debian:bookworm';
const [base] = presentImages([official, bare]);
const title =
  base === undefined
    ? `the agent's image (skipped: no Docker engine answers that has the image ${official} or ${bare})`
    : `the agent's image, based on ${base}`;

describe.skipIf(base === undefined)(title, () => {
  const image = `waymark-test/agent:${randomUUID()}`;
  const volume = `waymark-test-${randomUUID()}`;
  const password = 'geheim';
  let topology: Topology;
  let folder: string;
  let port: number;
  let agent: string;

  beforeAll(async () => {
    folder = await makeRunFolder();
    await build();
    topology = await startTopology();
    const { source } = topology;
    await source.query(`CREATE USER waymark@'%' IDENTIFIED BY '${password}'`);
    await source.query(`GRANT ${agentPrivileges(source)} ON *.* TO waymark@'%'`);
    await source.query("GRANT DROP ON meta.* TO waymark@'%'");
    await source.query('CREATE DATABASE shop');
    await source.query('CREATE TABLE shop.orders (id INT PRIMARY KEY)');
    await topology.waitForReplicas();
    port = await claimPort();
    await startContainer(
      ['--no-healthcheck'],
      ['inject', '--server', source.address, '--every', '1s', '--get-server-public-key'],
    );
    await writeConfig();
    agent = await startContainer(
      [
        ...['--volume', `${join(folder, 'waymark.yaml')}:/etc/waymark/waymark.yaml:ro`],
        ...['--volume', `${volume}:/var/lib/waymark`],
        ...['--env', `WAYMARK_HEALTH_URL=http://127.0.0.1:${port}/healthz`],
        ...['--health-interval', '1s', '--health-start-period', '0s'],
      ],
      [],
    );
  }, 600_000);

  const containers: string[] = [];

  afterAll(async () => {
    for (const id of containers) {
      await docker('rm', '--force', '--volumes', id);
      acquit('container', id);
    }
    await docker('volume', 'rm', '--force', volume);
    await docker('image', 'rm', '--force', image);
    await topology.stop();
    await removeRunFolder(folder);
  }, 120_000);

  async function docker(...args: string[]): Promise<string> {
    const { stdout, stderr } = await outputOf(args);
    return args[0] === 'logs' ? stdout + stderr : stdout.trim();
  }

  function outputOf(args: string[]): Promise<{ stdout: string; stderr: string }> {
    return run('docker', args, { timeout: 590_000, maxBuffer: 64 * 1024 * 1024 });
  }

  async function build(): Promise<void> {
    const { stdout: registry } = await run('npm', ['config', 'get', 'registry'], { cwd: root });
    await docker(
      ...['build', '--network', 'host', '--file', join(root, 'docker/agent/Dockerfile'), '--tag', image],
      ...['--build-arg', `BASE=${base === bare ? await makeBase() : official}`],
      ...['--build-arg', `NPM_CONFIG_REGISTRY=${registry.trim()}`],
      root,
    );
  }

  /** Node and npm of this machine, and the certificates that it trusts, on a bare Debian. */
  async function makeBase(): Promise<string> {
    const name = 'waymark-test/node:this';
    const context = join(folder, 'base');
    await mkdir(context);
    const { stdout: npm } = await run('sh', ['-c', 'command -v npm']);
    const program = await realpath(process.execPath);
    await copyFile(program, join(context, 'node'));
    await cp(join(dirname(program), '../include/node'), join(context, 'include'), { recursive: true });
    await cp(join(dirname(await realpath(npm.trim())), '..'), join(context, 'npm'), { recursive: true });
    await copyFile('/etc/ssl/certs/ca-certificates.crt', join(context, 'ca-certificates.crt'));
    const lines = [
      `FROM ${bare}`,
      'COPY node /usr/local/bin/node',
      'COPY include /usr/local/include/node',
      'COPY npm /usr/local/lib/node_modules/npm',
      'COPY ca-certificates.crt /etc/ssl/certs/ca-certificates.crt',
      'ENV NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt',
      'RUN ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm',
    ];
    await writeFile(join(context, 'Dockerfile'), `${lines.join('\n')}\n`);
    await docker('build', '--tag', name, context);
    return name;
  }

  async function writeConfig(): Promise<void> {
    const config = {
      stream: 'docker',
      getServerPublicKey: true,
      servers: topology.replicas.map(({ address }) => address),
      filter: { include: ['shop.*'] },
      checkpoint: { store: 'file', path: './state' },
      sink: { type: 'file', path: './audit.ndjson' },
      http: { listen: `127.0.0.1:${port}` },
    };
    await writeFile(join(folder, 'waymark.yaml'), stringify(config), { mode: 0o644 });
  }

  /** The servers listen on this machine's loopback address only. */
  async function startContainer(options: string[], command: string[]): Promise<string> {
    const account = ['--env', 'WAYMARK_USER=waymark', '--env', `WAYMARK_PASSWORD=${password}`];
    const id = await docker(
      ...['run', '--detach', '--network', 'host', '--read-only', '--cap-drop', 'ALL'],
      ...account,
      ...options,
      image,
      ...command,
    );
    entrust('container', id);
    containers.push(id);
    return id;
  }

  /** The ids in the table as the audit file has them. */
  async function audited(): Promise<number[]> {
    const reading = outputOf(['exec', agent, 'cat', 'audit.ndjson']);
    const { stdout } = await reading.catch(() => ({ stdout: '' }));
    // What stands behind the last line's end is being written.
    const lines = stdout.split('\n').slice(0, -1);
    return lines
      .filter((line) => line.includes('"op":"insert"'))
      .map((line) => (JSON.parse(line) as { after: { id: number } }).after.id);
  }

  async function write(from: number, to: number): Promise<void> {
    for (let id = from; id <= to; id += 1)
      await topology.source.query(`INSERT INTO shop.orders VALUES (${id})`);
  }

  async function untilAudited(count: number): Promise<void> {
    await until(`${count} records`, async () => (await audited()).length >= count, { everyMs: 200 }).catch(
      async (error: unknown) => {
        throw new Error(`${messageOf(error)}\n${await docker('logs', '--tail', '30', agent)}`);
      },
    );
  }

  const state = (field: string): Promise<string> =>
    docker('inspect', '--format', `{{.State.${field}}}`, agent);

  test('runs as nobody in particular, is healthy, delivers, loses a server, is restarted', async () => {
    expect(await docker('exec', agent, 'id', '--user')).toBe('10001');
    await until('healthy', async () => (await state('Health.Status')) === 'healthy', { everyMs: 200 });
    await write(1, 20);
    await untilAudited(20);
    // There must be a hint behind the beginning.
    await until(
      'a hint',
      async () => !(await docker('exec', agent, 'node', '-e', statusOf(port))).includes('null'),
    );

    await topology.replicas[0]!.kill();
    await write(21, 40);
    await untilAudited(40);
    expect(await docker('logs', agent)).toContain('"event":"failover.done"');

    await docker('stop', '--time', '20', agent);
    expect(await state('ExitCode')).toBe('0');
    await write(41, 50);
    await docker('start', agent);
    await untilAudited(50);
    expect(await audited()).toEqual(Array.from({ length: 50 }, (_, index) => index + 1));
    expect(await docker('logs', agent)).not.toContain(password);
  }, 120_000);

  /** Prints the last hint that the agent has seen, or null. */
  const statusOf = (httpPort: number): string =>
    `fetch('http://127.0.0.1:${httpPort}/status').then((a) => a.json()).then((s) => console.log(s.hint))`;
});
