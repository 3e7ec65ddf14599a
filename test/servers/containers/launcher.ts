import { execFile, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { StartedTestContainer } from 'testcontainers';
import { IMAGES, presentImages } from '../../setup/provider.mjs';
import type { Ending, InstalledServer, Launcher, Program, ServerProcess, ServerSignal } from '../launcher.js';
import { acquit, entrust } from '../reaper.js';
import { remembered } from '../template.js';

const run = promisify(execFile);

/** All containers of this process; the reaper removes by it what it hasn't heard of one by one. */
const LABEL = { name: 'waymark.test.run', value: randomUUID() };

/** Between a wait for a container's end that failed and the next. */
const rewaitMs = 200;

/** Runs servers in containers, on the machine's own network: ports stay the same whatever is restarted. */
export const containerLauncher: Launcher = {
  launch,

  async version(vendor, wish): Promise<InstalledServer | undefined> {
    const program = vendor === 'mariadb' ? 'mariadbd' : 'mysqld';
    const candidates = IMAGES.filter(({ server }) => server === vendor).map(({ image }) => image);
    for (const image of presentImages(candidates)) {
      const version = await versionIn(image, program);
      if (wish === undefined || `${version}.`.startsWith(`${wish}.`)) return { version, program, image };
    }
    return undefined;
  },

  async holds({ image }, command) {
    const args = ['run', '--rm', '--network', 'none', '--entrypoint', 'sh', image, '-c', command];
    return run('docker', args, { timeout: 60_000 }).then(
      () => true,
      () => false,
    );
  },

  zookeeper() {
    const image = IMAGES.find(({ server }) => server === 'zookeeper')?.image ?? '';
    return Promise.resolve({ image });
  },
};

async function versionIn(image: string, program: string): Promise<string> {
  const { stdout: id } = await run('docker', ['image', 'inspect', '--format', '{{.Id}}', image]);
  return remembered(`version-of-${id.trim().replace('sha256:', '')}`, async () => {
    const { stdout } = await run(
      'docker',
      ['run', '--rm', '--network', 'none', '--entrypoint', program, image, '--no-defaults', '--version'],
      { timeout: 60_000 },
    );
    const version = /Ver (\d+(?:\.\d+)+)/.exec(stdout)?.[1];
    if (version === undefined) throw new Error(`${image}: ${program} does not tell its version: ${stdout}`);
    return version;
  });
}

async function launch(program: Program): Promise<ServerProcess> {
  entrust('label', `${LABEL.name}=${LABEL.value}`);
  const container = await startContainer(program);
  const id = container.getId();
  entrust('container', id);
  const { container: client } = await runtimeClient();
  const handle = client.getById(id);
  let running = true;
  const isRunning = (): Promise<boolean> =>
    handle.inspect().then(
      ({ State }) => State.Running,
      (error: unknown) => statusOf(error) !== 404,
    );
  const ended = whenStopped(id, isRunning).then(async (): Promise<Ending> => {
    const state = await handle.inspect().then(
      ({ State }) => State,
      () => undefined,
    );
    running = false;
    await handle.remove({ force: true, v: true }).catch(() => undefined);
    acquit('container', id);
    return { code: state?.ExitCode ?? null, text: `exit code ${state?.ExitCode ?? 'unknown'}` };
  });
  return {
    pid: (await handle.inspect()).State.Pid,
    ended,
    get running() {
      return running;
    },
    async signal(signal: ServerSignal) {
      await handle.kill({ signal }).catch((error: unknown) => {
        // It has ended by itself, or by the signal before.
        if (![404, 409].includes(statusOf(error) ?? 0)) throw error;
      });
    },
  };
}

async function startContainer({
  image,
  command,
  folder,
  outputFile,
}: Program): Promise<StartedTestContainer> {
  const { GenericContainer, Wait } = await testcontainers();
  const user = `${process.getuid?.() ?? 0}:${process.getgid?.() ?? 0}`;
  return (
    new GenericContainer(image)
      .withEntrypoint(['sh', '-c', 'exec "$@" >>"$0" 2>&1', `${folder}/${outputFile}`])
      .withCommand(command)
      .withBindMounts([{ source: folder, target: folder, mode: 'rw' }])
      .withWorkingDir(folder)
      // What it writes must be ours to remove.
      .withUser(user)
      .withNetworkMode('host')
      .withLabels({ [LABEL.name]: LABEL.value })
      .withWaitStrategy(Wait.forListeningPorts())
      .start()
  );
}

/** Resolves when a container has stopped. A wait that fails says nothing of it: the engine may just be busy. */
async function whenStopped(id: string, isRunning: () => Promise<boolean>): Promise<void> {
  while (!(await waitOnce(id)) && (await isRunning())) await pause(rewaitMs, undefined, { ref: false });
}

/**
 * Waits for the end of a container; resolves with whether that worked. A process of its own does it, because an open
 * request to the engine would hold up the end of the run.
 */
function waitOnce(id: string): Promise<boolean> {
  const waiter = spawn('docker', ['wait', id], { detached: true, stdio: 'ignore' });
  waiter.unref();
  return new Promise((resolve, reject) => {
    waiter.once('error', reject);
    waiter.once('exit', (code) => {
      resolve(code === 0);
    });
  });
}

/** The engine's answer to a request that failed, as HTTP has it. */
function statusOf(error: unknown): number | undefined {
  return (error as { statusCode?: number }).statusCode;
}

async function runtimeClient() {
  const { getContainerRuntimeClient } = await testcontainers();
  return getContainerRuntimeClient();
}

/** Loaded when it is needed only, for it is large. */
async function testcontainers() {
  // Its own cleaner comes from a registry, which may be out of reach; the reaper does that work here.
  process.env['TESTCONTAINERS_RYUK_DISABLED'] = 'true';
  return import('testcontainers');
}
