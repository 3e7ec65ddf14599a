/**
 * `npm run demo`: gets what it needs, and then shows the agent losing the server that it reads.
 *
 * `npm run demo -- --zookeeper` keeps the checkpoint in a ZooKeeper that it starts. WAYMARK_TEST_PROVIDER says where
 * the servers run, as for the tests: `native` or `containers`.
 */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { installDependencies } from './setup/dependencies.mjs';
import { makeImages } from './setup/images.mjs';
import { installServers } from './setup/packages.mjs';
import { chooseProvider } from './setup/provider.mjs';
import { asCommand, ROOT, run, say, SetupError } from './setup/steps.mjs';

const LIMIT_MS = 5 * 60_000;

const usage = 'npm run demo [-- --zookeeper]';

await asCommand(async () => {
  const args = readArguments();
  await installDependencies();
  await prepareServers();
  say('Building (npm run build)');
  await run('npm run build', ['npm', 'run', 'build']);
  process.exitCode = await show(args);
});

function readArguments() {
  try {
    const { values } = parseArgs({ options: { zookeeper: { type: 'boolean', default: false } } });
    return values.zookeeper ? ['--zookeeper'] : [];
  } catch (error) {
    throw new SetupError(`${error.message}\nUsage: ${usage}`);
  }
}

async function prepareServers() {
  const provider = chooseProvider();
  if (provider === 'native') await installServers();
  else await makeImages();
  process.env.WAYMARK_TEST_PROVIDER = provider;
}

/** Resolves to the exit code. */
function show(args) {
  const main = fileURLToPath(new URL('./demo/main.ts', import.meta.url));
  const child = spawn(process.execPath, ['--import', 'tsx', main, ...args], {
    cwd: ROOT,
    stdio: 'inherit',
    timeout: LIMIT_MS,
  });
  // An interrupt at the terminal reaches the demo itself; we stay until it has cleaned up.
  process.on('SIGINT', () => undefined);
  for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve(code ?? 1));
  });
}
