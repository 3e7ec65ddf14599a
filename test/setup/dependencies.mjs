/** Step: the npm packages, as the lock file names them. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { asCommand, findProgram, isMain, ROOT, run, say, SetupError } from './steps.mjs';

/** Runs `npm ci` where packages are missing or of another version, and sees that the native one works. */
export async function installDependencies() {
  const reason = whatIsWrong();
  if (reason !== undefined) {
    say(`Installing npm packages (${reason})`);
    await run('npm ci', ['npm', 'ci', '--no-audit', '--no-fund', '--loglevel=error']).catch(explain);
  }
  await run('loading the ZooKeeper client', [process.execPath, '-e', "require('zookeeper')"]).catch(explain);
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

/** The ZooKeeper client is compiled when it is installed. */
function explain(error) {
  const missing = ['python3', 'make', 'g++'].filter((tool) => findProgram(tool) === undefined);
  if (missing.length === 0) throw error;
  throw new SetupError(
    `${error.message}\n\nThe npm package zookeeper is compiled on this machine, and these tools are missing: ` +
      `${missing.join(', ')}.\nOn Debian: apt-get install python3 make g++; then remove node_modules and try again.`,
  );
}

if (isMain(import.meta)) await asCommand(installDependencies);
