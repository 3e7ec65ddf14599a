/**
 * `npm run demo`: gets what it needs, and then shows the agent losing the server that it reads.
 *
 * `npm run demo -- --zookeeper` keeps the checkpoint in a ZooKeeper that it starts. WAYMARK_TEST_PROVIDER says where
 * the servers run, as for the tests: `native` or `containers`.
 */
import { parseArgs } from 'node:util';
import { prepareProgram, runProgram } from './setup/program.mjs';
import { asCommand, SetupError } from './setup/steps.mjs';

const LIMIT_MS = 5 * 60_000;

const usage = 'npm run demo [-- --zookeeper]';

await asCommand(async () => {
  const args = readArguments();
  await prepareProgram();
  process.exitCode = await runProgram(new URL('./demo/main.ts', import.meta.url), args, LIMIT_MS);
});

function readArguments() {
  try {
    const { values } = parseArgs({ options: { zookeeper: { type: 'boolean', default: false } } });
    return values.zookeeper ? ['--zookeeper'] : [];
  } catch (error) {
    throw new SetupError(`${error.message}\nUsage: ${usage}`);
  }
}
