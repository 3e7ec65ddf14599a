/** What programs beside the test suites need: servers, the built command, and to be run as TypeScript. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { installDependencies } from './dependencies.mjs';
import { makeImages } from './images.mjs';
import { installServers } from './packages.mjs';
import { chooseProvider } from './provider.mjs';
import { ROOT, run, say } from './steps.mjs';

/** Gets everything that a program on real servers needs. */
export async function prepareProgram() {
  await installDependencies();
  const provider = chooseProvider();
  if (provider === 'native') await installServers();
  else await makeImages();
  process.env.WAYMARK_TEST_PROVIDER = provider;
  say('Building (npm run build)');
  await run('npm run build', ['npm', 'run', 'build']);
}

/**
 * Runs a program; resolves to its exit code.
 * @param {URL} main
 * @param {string[]} args
 * @param {number} limitMs
 * @returns {Promise<number>}
 */
export function runProgram(main, args, limitMs) {
  const child = spawn(process.execPath, ['--import', 'tsx', fileURLToPath(main), ...args], {
    cwd: ROOT,
    stdio: 'inherit',
    timeout: limitMs,
  });
  // An interrupt at the terminal reaches the program itself; we stay until it has cleaned up.
  process.on('SIGINT', () => undefined);
  for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve(code ?? 1));
  });
}
