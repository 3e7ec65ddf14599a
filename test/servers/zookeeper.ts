import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import type { Launcher, ServerProcess } from './launcher.js';
import { claimPort, LOOPBACK, releasePort } from './ports.js';
import type { TestZooKeeper } from './types.js';
import { accepts, hasStopped, until } from './wait.js';

const START_LIMIT_MS = 60_000;

/** Starts a single ZooKeeper server in a folder below the given one. */
export async function createZooKeeper(launcher: Launcher, parent: string): Promise<ZooKeeperHandle> {
  const server = await prepare(launcher, join(parent, 'zookeeper'), await claimPort());
  await server.start();
  return server;
}

/** Starts servers that form an ensemble, in folders below the given one. */
export async function createEnsemble(
  launcher: Launcher,
  parent: string,
  size: number,
): Promise<readonly ZooKeeperHandle[]> {
  const members = await Promise.all(
    Array.from({ length: size }, async () => ({
      ...{ client: await claimPort(), peer: await claimPort(), election: await claimPort() },
    })),
  );
  const lines = members.map(
    ({ peer, election }, index) => `server.${index + 1}=${LOOPBACK}:${peer}:${election};`,
  );
  const servers = await Promise.all(
    members.map(async ({ client, peer, election }, index) => {
      const folder = join(parent, `zookeeper${index + 1}`);
      const server = await prepare(launcher, folder, client, {
        lines: lines.map((line, at) => `${line}${LOOPBACK}:${members[at]?.client ?? 0}`),
        ports: [peer, election],
      });
      await writeFile(join(folder, 'data', 'myid'), String(index + 1));
      return server;
    }),
  );
  await Promise.all(servers.map((server) => server.start()));
  return servers;
}

async function prepare(
  launcher: Launcher,
  folder: string,
  port: number,
  ensemble: { lines: readonly string[]; ports: readonly number[] } = { lines: [], ports: [] },
): Promise<ZooKeeperHandle> {
  await mkdir(join(folder, 'data'), { recursive: true });
  await writeFile(join(folder, 'zoo.cfg'), configuration(folder, port, ensemble.lines));
  await writeFile(join(folder, 'log4j.properties'), LOGGING);
  const { image } = await launcher.zookeeper();
  return new ZooKeeperHandle(launcher, folder, port, image, ensemble.ports);
}

/** A ZooKeeper server, on whatever its launcher runs it. */
export class ZooKeeperHandle implements TestZooKeeper {
  #process: ServerProcess | undefined;

  constructor(
    private readonly launcher: Launcher,
    private readonly folder: string,
    private readonly port: number,
    private readonly image: string,
    private readonly morePorts: readonly number[],
  ) {}

  get connectString(): string {
    return `${LOOPBACK}:${this.port}`;
  }

  /** Starts the process on the data that are there; resolves when it serves. */
  async start(): Promise<void> {
    const started = await this.launcher.launch({
      title: 'ZooKeeper',
      image: this.image,
      command: ['sh', '-euc', COMMAND, 'sh', this.folder],
      folder: this.folder,
      outputFile: 'output.log',
    });
    this.#process = started;
    await until(
      'ZooKeeper serves',
      async () => {
        if (!started.running) {
          const log = await readFile(join(this.folder, 'output.log'), 'utf8');
          throw new Error(
            `ZooKeeper ended at its start (${(await started.ended).text}):\n${log.slice(-4000)}`,
          );
        }
        return (await this.mode()) !== null;
      },
      { timeoutMs: START_LIMIT_MS },
    );
  }

  /** What it is in its ensemble; null while it doesn't serve. */
  async mode(): Promise<'standalone' | 'leader' | 'follower' | null> {
    const [, mode] = /^Mode: (\w+)/m.exec(await fourLetters(this.port, 'srvr')) ?? [];
    return mode === 'standalone' || mode === 'leader' || mode === 'follower' ? mode : null;
  }

  async kill(): Promise<void> {
    const running = this.#process;
    if (running?.running === true) {
      await running.signal('SIGKILL');
      await until('ZooKeeper ends', () => Promise.resolve(!running.running));
    }
    await until(`port ${this.port} refuses`, async () => !(await accepts(LOOPBACK, this.port)));
  }

  async freeze(): Promise<void> {
    if (this.#process?.running !== true) return;
    await this.#process.signal('SIGSTOP');
    await hasStopped(this.#process.pid);
  }

  async resume(): Promise<void> {
    await this.#process?.signal('SIGCONT');
  }

  async restart(): Promise<void> {
    await this.kill();
    await this.start();
  }

  /** Kills, and gives the port back: the server can't be started again. */
  async discard(): Promise<void> {
    await this.kill();
    for (const port of [this.port, ...this.morePorts]) releasePort(port);
  }
}

/** $1 is the folder. Debian's jar names what else it needs; the official image has a folder of jars. */
const COMMAND = [
  'jars=/usr/share/java/zookeeper.jar',
  'for lib in /apache-zookeeper-*/lib; do [ -d "$lib" ] && jars="$lib/*"; done',
  'exec java -Xmx192m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Dzookeeper.forceSync=no' +
    ' -Dlogback.configurationFile=none -cp "$1:$jars"' +
    ' org.apache.zookeeper.server.quorum.QuorumPeerMain "$1/zoo.cfg"',
].join('\n');

const LOGGING = [
  'log4j.rootLogger=INFO, CONSOLE',
  'log4j.appender.CONSOLE=org.apache.log4j.ConsoleAppender',
  'log4j.appender.CONSOLE.layout=org.apache.log4j.PatternLayout',
  'log4j.appender.CONSOLE.layout.ConversionPattern=%d{ISO8601} %-5p %c{1} %m%n',
  '',
].join('\n');

/** Short ticks: sessions of a second are allowed, and expire soon after. */
function configuration(folder: string, port: number, ensemble: readonly string[]): string {
  return [
    'tickTime=500',
    'minSessionTimeout=1000',
    'maxSessionTimeout=60000',
    `dataDir=${folder}/data`,
    ...(ensemble.length > 0
      ? ['initLimit=20', 'syncLimit=10', ...ensemble]
      : [`clientPort=${port}`, `clientPortAddress=${LOOPBACK}`]),
    'admin.enableServer=false',
    '4lw.commands.whitelist=ruok,srvr,stat,mntr,cons,dump',
    'maxClientCnxns=0',
    '',
  ].join('\n');
}

/** The answer to one of ZooKeeper's four-letter commands; empty when there is none. */
function fourLetters(port: number, command: string): Promise<string> {
  return new Promise((resolve) => {
    let answer = '';
    const socket = connect({ host: LOOPBACK, port });
    socket.setTimeout(2000, () => socket.destroy());
    socket.on('connect', () => socket.write(command));
    socket.on('data', (chunk) => (answer += chunk.toString()));
    socket.on('error', () => undefined);
    socket.on('close', () => {
      resolve(answer);
    });
  });
}
