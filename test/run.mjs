/**
 * `npm test`: does its own set-up, runs the suites and ends with one plain line of totals.
 *
 * Arguments go to vitest: `npm test -- test/unit`, `npm test -- -t 'a name'`. WAYMARK_TEST_PROVIDER says where
 * the test servers run: `native` or `containers`; WAYMARK_TEST_SERVER says which kind they are (see servers/kind.ts).
 */
import { installDependencies } from './setup/dependencies.mjs';
import { makeImages } from './setup/images.mjs';
import { installServers } from './setup/packages.mjs';
import { chooseProvider } from './setup/provider.mjs';
import { run, say, SetupError } from './setup/steps.mjs';
import { runSuites, totalsLine } from './setup/suites.mjs';

const args = process.argv.slice(2);
let code = 1;
let totals = { passed: 0, failed: 1, skipped: 0 };
try {
  await installDependencies();
  if (!isUnitOnly(args)) await prepareServers();
  const ended = await runSuites(args);
  ({ code, totals } = ended);
  for (const remark of ended.remarks) console.log(remark);
} catch (error) {
  say(error instanceof SetupError ? error.message : String(error?.stack ?? error));
}
console.log(totalsLine(totals));
process.exitCode = code;

/** Unit tests need neither servers nor the built command. */
function isUnitOnly(options) {
  const named = options.filter((option) => !option.startsWith('-'));
  return named.length > 0 && named.every((name) => /^(\.\/)?test\/unit\b/.test(name));
}

async function prepareServers() {
  const provider = chooseProvider();
  say(`Test servers: ${provider === 'native' ? 'native, as child processes' : 'in containers'}`);
  if (provider === 'native') await installServers();
  else await makeImages();
  // So that each of the run's processes has the same, and asks no more.
  process.env.WAYMARK_TEST_PROVIDER = provider;
  say('Building');
  await run('npm run build', ['npm', 'run', 'build']);
}
