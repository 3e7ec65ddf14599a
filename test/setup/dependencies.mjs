/** Step: the npm packages, as the lock file names them. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { asCommand, findProgram, isMain, ROOT, run, say } from './steps.mjs';

/** The native client for ZooKeeper: optional, since it is compiled where it is installed. */
const CLIENT = 'zookeeper';
const COMPILER = ['python3', 'make', 'g++'];
const COMPILE_MINUTES = 5;

/** Runs `npm ci` where packages are missing or of another version, and gets the native one where that is possible. */
export async function installDependencies() {
  const reason = whatIsWrong();
  if (reason !== undefined) {
    say(`Installing npm packages (${reason})`);
    await run('npm ci', ['npm', 'ci', '--no-audit', '--no-fund', '--loglevel=error']);
  }
  if (whyNoZooKeeperClient() !== null) await makeZooKeeperClient();
}

/** Why the native ZooKeeper client can't be used here, in one line; null: it can. */
export function whyNoZooKeeperClient() {
  try {
    // In a process of its own: what was compiled for another Node.js may end the one that loads it.
    execFileSync(process.execPath, ['-e', `require('${CLIENT}')`], {
      cwd: ROOT,
      stdio: 'pipe',
      timeout: 30_000,
    });
    return null;
  } catch (error) {
    const text = String(error.stderr ?? error.message);
    return /^Error: .*$/m.exec(text)?.[0] ?? (text.trim().split('\n').at(-1) || String(error.message));
  }
}

/** Compiles it anew where it was compiled for another Node.js; where there is none, says so. */
async function makeZooKeeperClient() {
  const missing = COMPILER.filter((tool) => findProgram(tool) === undefined);
  // What can't be compiled, npm takes away again.
  const installed = packagesOf('node_modules/.package-lock.json')?.[`node_modules/${CLIENT}`] !== undefined;
  if (missing.length > 0) return sayWithout(`these tools to compile it are missing: ${missing.join(', ')}`);
  if (!installed) return sayWithout(`npm ci could not compile it on Node.js ${process.version}`);
  say('Compiling the native ZooKeeper client');
  try {
    await run(`npm rebuild ${CLIENT}`, ['npm', 'rebuild', CLIENT], { minutes: COMPILE_MINUTES });
  } catch (error) {
    return sayWithout(error.message.split('\n')[0]);
  }
  const problem = whyNoZooKeeperClient();
  if (problem !== null) sayWithout(problem);
}

function sayWithout(reason) {
  say(
    `There is no native ZooKeeper client: ${reason}. Its own tests are skipped, all others use waymark's own.`,
  );
}

/**
 * Compares what is installed with the lock file. Not by the files' times: every checkout changes those, and
 * `npm ci` takes the packages away from whoever is running.
 */
function whatIsWrong() {
  const installed = packagesOf('node_modules/.package-lock.json');
  if (installed === undefined) return 'there are none yet';
  for (const [path, { version, optional, link }] of Object.entries(packagesOf('package-lock.json') ?? {})) {
    if (path === '' || optional || link) continue;
    if (installed[path]?.version !== version)
      return `${path.replace('node_modules/', '')} should be ${version}`;
  }
  return undefined;
}

function packagesOf(lockFile) {
  try {
    return JSON.parse(readFileSync(join(ROOT, lockFile), 'utf8')).packages;
  } catch {
    return undefined;
  }
}

if (isMain(import.meta)) await asCommand(installDependencies);
