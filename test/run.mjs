/**
 * `npm test`, `test:all`, `test:full` and `test:newest`: get the npm packages, and then do what suites/main.ts says.
 *
 * Arguments of `npm test` go to vitest: `npm test -- test/unit`, `npm test -- -t 'a name'`. WAYMARK_TEST_PROVIDER says
 * where the test servers run: `native` or `containers`; WAYMARK_TEST_SERVER says which kind they are (servers/kind.ts).
 */
import { installDependencies } from './setup/dependencies.mjs';
import { runProgram } from './setup/program.mjs';
import { say, SetupError } from './setup/steps.mjs';
import { totalsLine } from './setup/totals.mjs';

/** All tests on all kinds of servers take some hours. */
const LIMIT_MS = 6 * 60 * 60_000;

try {
  await installDependencies();
  process.exitCode = await runProgram(
    new URL('./suites/main.ts', import.meta.url),
    process.argv.slice(2),
    LIMIT_MS,
  );
} catch (error) {
  say(error instanceof SetupError ? error.message : String(error?.stack ?? error));
  console.log(totalsLine({ passed: 0, failed: 1, skipped: 0 }));
  process.exitCode = 1;
}
