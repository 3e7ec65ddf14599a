/** What the steps of the set-up have in common: saying what they do, and running programs. */
import { spawn } from 'node:child_process';
import { accessSync, constants, createWriteStream, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The top folder of the project. */
export const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** Programs of the system are not in everybody's search path. */
const SEARCH_PATH = [...(process.env.PATH ?? '').split(':'), '/usr/local/sbin', '/usr/sbin', '/sbin'];

/** Says what is going on; standard output is the results' alone. */
export function say(text) {
  process.stderr.write(`${text}\n`);
}

/** The path of a program, or undefined. */
export function findProgram(name) {
  for (const folder of SEARCH_PATH) {
    try {
      const path = join(folder, name);
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // Look further.
    }
  }
  return undefined;
}

/**
 * Runs a program to its end with its output in a log file, which is shown when it fails; resolves to the output.
 * @param {string} title
 * @param {string[]} command
 * @param {{minutes?: number, env?: Record<string, string>, cwd?: string}} [options]
 * @returns {Promise<string>}
 */
export async function run(title, [program, ...args], { minutes = 10, env = {}, cwd = ROOT } = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'waymark-setup-'));
  const log = join(folder, 'output.log');
  const output = createWriteStream(log);
  const began = Date.now();
  const child = spawn(program, args, {
    cwd,
    env: { ...process.env, PATH: SEARCH_PATH.join(':'), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: minutes * 60_000,
    killSignal: 'SIGKILL',
  });
  child.stdout.pipe(output, { end: false });
  child.stderr.pipe(output, { end: false });
  const failure = await new Promise((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('close', (code, signal) => {
      const late = Date.now() - began >= minutes * 60_000;
      if (late) resolve(`not finished after ${minutes} minutes`);
      else resolve(code === 0 ? undefined : `ended with ${signal ?? `exit code ${code}`}`);
    });
  });
  await new Promise((resolve) => output.end(resolve));
  const text = readFileSync(log, 'utf8');
  if (failure === undefined) {
    rmSync(folder, { recursive: true, force: true });
    return text;
  }
  throw new SetupError(`${title}: ${failure}\n${abridged(text)}\nAll of it: ${log}`);
}

/** Some programs name the cause first, some last. */
function abridged(text) {
  const lines = text.trimEnd().split('\n');
  return lines.length <= 60 ? lines.join('\n') : [...lines.slice(0, 20), '…', ...lines.slice(-40)].join('\n');
}

/** A failure of the set-up that the message alone explains. */
export class SetupError extends Error {}

/** Whether a module is what node was started with, rather than imported. */
export function isMain(meta) {
  return process.argv[1] !== undefined && fileURLToPath(meta.url) === process.argv[1];
}

/** Runs a step as a command: exit code 1 and the plain message on failure. */
export async function asCommand(step) {
  try {
    await step();
  } catch (error) {
    say(error instanceof SetupError ? error.message : String(error?.stack ?? error));
    process.exitCode = 1;
  }
}

/** Installs Debian packages, saying so. */
export async function installPackages(packages, purpose) {
  const wanted = packages.join(' ');
  if (process.getuid?.() !== 0 || findProgram('apt-get') === undefined) {
    throw new SetupError(
      `${purpose} needs what is in Debian's packages ${wanted}.\nInstall them: apt-get install ${wanted}`,
    );
  }
  say(`Installing Debian packages for ${purpose}: ${wanted}`);
  const env = { DEBIAN_FRONTEND: 'noninteractive' };
  await run('apt-get update', ['apt-get', 'update'], { minutes: 5, env });
  await run(
    `apt-get install ${wanted}`,
    ['apt-get', 'install', '--yes', '--no-install-recommends', '-o', 'DPkg::Lock::Timeout=300', ...packages],
    { minutes: 15, env },
  );
}
