import { execFile, spawn } from 'node:child_process';
import { access, constants, open } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Ending, InstalledServer, Launcher, Program, ServerProcess } from '../launcher.js';
import { acquit, entrust } from '../reaper.js';

const run = promisify(execFile);

/** Servers are not in everybody's search path. */
const SEARCH_PATH = [...(process.env['PATH'] ?? '').split(':'), '/usr/local/sbin', '/usr/sbin', '/sbin'];

/** Runs servers as child processes, from the machine's own packages. */
export const nativeLauncher: Launcher = {
  launch,

  async version(vendor, wish): Promise<InstalledServer | undefined> {
    if (vendor !== 'mariadb') return undefined;
    const program = await findProgram('mariadbd');
    if (program === undefined) return undefined;
    const { stdout } = await run(program, ['--no-defaults', '--version'], { timeout: 20_000 });
    const version = /Ver (\d+(?:\.\d+)+)-MariaDB/.exec(stdout)?.[1];
    if (version === undefined || (wish !== undefined && !`${version}.`.startsWith(`${wish}.`)))
      return undefined;
    return { version, program: 'mariadbd', image: '' };
  },

  async holds(_server, command) {
    const env = { ...process.env, PATH: SEARCH_PATH.join(':') };
    return run('sh', ['-c', command], { timeout: 20_000, env }).then(
      () => true,
      () => false,
    );
  },

  zookeeper: () => Promise.resolve({ image: '' }),
};

async function launch({ title, command, folder, outputFile }: Program): Promise<ServerProcess> {
  const [name = '', ...args] = command;
  const program = await findProgram(name);
  if (program === undefined) throw new Error(`${title}: there is no program ${name} on this machine`);
  const output = await open(join(folder, outputFile), 'a');
  try {
    // A session of its own: an interrupt at the terminal is the run's affair, and the reaper's.
    const env = { ...process.env, NODE_OPTIONS: '', PATH: SEARCH_PATH.join(':') };
    const child = spawn(program, args, {
      cwd: folder,
      detached: true,
      stdio: ['ignore', output.fd, output.fd],
      env,
    });
    const ended = new Promise<Ending>((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', (code, signal) => {
        if (child.pid !== undefined) acquit('process', child.pid);
        resolve({ code, text: signal ?? `exit code ${code ?? 0}` });
      });
    });
    if (child.pid === undefined) throw new Error(`${title}: can't start ${program}: ${(await ended).text}`);
    entrust('process', child.pid);
    // A forgotten server must not hold up the end of the run; the reaper ends it.
    child.unref();
    return {
      pid: child.pid,
      ended,
      get running() {
        return child.exitCode === null && child.signalCode === null;
      },
      signal: (signal) => {
        child.kill(signal);
        return Promise.resolve();
      },
    };
  } finally {
    await output.close();
  }
}

/** The path of a program; undefined when it isn't there. */
async function findProgram(name: string): Promise<string | undefined> {
  for (const folder of SEARCH_PATH) {
    const path = join(folder, name);
    try {
      await access(path, constants.X_OK);
      return path;
    } catch {
      // Look further.
    }
  }
  return undefined;
}
