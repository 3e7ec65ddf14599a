/**
 * `npm run soak -- --minutes 10 --seed N [--gentle]`: real servers under load, faults drawn from the seed, and the
 * judgement: see test/soak/soak.ts. With --gentle, only what is no reason to leave a server is done: none may be left. Gets what it needs first, and ends with one plain line of totals.
 *
 * WAYMARK_TEST_PROVIDER and WAYMARK_TEST_SERVER say where the servers run and which kind they are, as for the tests;
 * MariaDB as child processes unless one of them is given.
 */
import { parseArgs } from 'node:util';
import { prepareProgram, runProgram } from './setup/program.mjs';
import { say, SetupError } from './setup/steps.mjs';
import { totalsLine } from './setup/totals.mjs';

/** The program has time limits of its own, and cleans up. */
const BEYOND_MS = 10 * 60_000;

try {
  const args = process.argv.slice(2);
  const { values } = parseArgs({
    args,
    options: {
      minutes: { type: 'string', default: '10' },
      seed: { type: 'string' },
      gentle: { type: 'boolean' },
    },
  });
  if (process.env.WAYMARK_TEST_SERVER === undefined) process.env.WAYMARK_TEST_PROVIDER ??= 'native';
  await prepareProgram();
  process.exitCode = await runProgram(
    new URL('./soak/main.ts', import.meta.url),
    args,
    1.5 * Number(values.minutes) * 60_000 + BEYOND_MS,
  );
} catch (error) {
  say(error instanceof SetupError ? error.message : String(error?.stack ?? error));
  console.log(totalsLine({ passed: 0, failed: 1, skipped: 0 }));
  process.exitCode = 1;
}
