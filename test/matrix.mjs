/**
 * `npm run test:matrix`: the scenarios on every kind of server, in containers; ends with one plain line of totals.
 * Arguments name kinds (`npm run test:matrix -- mysql:9.7:gtid-off`); all of them unless said.
 *
 * A kind whose image can't be had is skipped, and says so. Scenarios are mostly waiting, so two kinds run side by side.
 * What is about the agent alone, and not about what a version logs, runs on one kind of each vendor.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { installDependencies } from './setup/dependencies.mjs';
import { getOfficialImage, makeImages } from './setup/images.mjs';
import { run, say, SetupError } from './setup/steps.mjs';
import { runSuites, totalsLine } from './setup/suites.mjs';

/** The official images come first: they are asked for while nothing else is going on. */
const KINDS = ['mysql:8.0', 'mysql:8.4', 'mysql:9.7', 'mariadb:10.11', 'mysql:9.7:gtid-off', 'mariadb:11.8'];
const OFFICIAL = ['mysql:8.0', 'mysql:8.4'];
const ABREAST = 2;
/** On these kinds everything runs. */
const WHOLE = ['mysql:9.7', 'mariadb:10.11'];
const OF_THE_AGENT_ALONE = 'test/scenarios/{diagnosis,election}/**';
/** What happens to the agent's own files and processes, and what no server's log has a part in, runs on this kind. */
const ONCE = {
  on: 'mysql:9.7',
  what: 'test/scenarios/{audit-damaged,audit-rotated,checkpoint-lost,stopped-anywhere}/**',
};

const wanted = process.argv.slice(2);
const sum = { passed: 0, failed: 0, skipped: 0 };
const summary = [];
try {
  await installDependencies();
  await makeImages();
  await run('npm run build', ['npm', 'run', 'build']);
  const kinds = await available(wanted.length > 0 ? wanted : KINDS);
  const next = async () => {
    for (let kind = kinds.shift(); kind !== undefined; kind = kinds.shift()) await runKind(kind);
  };
  await Promise.all(Array.from({ length: ABREAST }, next));
} catch (error) {
  say(error instanceof SetupError ? error.message : String(error?.stack ?? error));
  sum.failed += 1;
}
console.log(`\n${summary.join('\n')}`);
console.log(totalsLine(sum));
process.exitCode = sum.failed === 0 ? 0 : 1;

/** Those of the kinds that there are servers of. */
async function available(kinds) {
  const found = [];
  for (const kind of kinds) {
    if (!OFFICIAL.includes(kind) || (await getOfficialImage(kind))) found.push(kind);
    else {
      sum.skipped += 1;
      summary.push(`${kind}: skipped, its official image can't be pulled here`);
    }
  }
  return found;
}

/** The output of one kind comes in one piece, when it has ended. */
async function runKind(kind) {
  say(`Scenarios on ${kind}: begun`);
  const began = Date.now();
  const folder = mkdtempSync(join(tmpdir(), 'waymark-matrix-'));
  const outputFile = join(folder, 'output.log');
  const env = { WAYMARK_TEST_PROVIDER: 'containers', WAYMARK_TEST_SERVER: kind };
  try {
    const leftOut = [
      ...(WHOLE.includes(kind) ? [] : [OF_THE_AGENT_ALONE]),
      ...(kind === ONCE.on ? [] : [ONCE.what]),
    ].map((pattern) => `--exclude=${pattern}`);
    const { code, totals, remarks } = await runSuites(['test/scenarios', ...leftOut], { env, outputFile });
    const minutes = ((Date.now() - began) / 60_000).toFixed(1);
    console.log(`\n--- ${kind}\n${readFileSync(outputFile, 'utf8')}`);
    summary.push(...remarks.map((remark) => `${kind}: ${remark}`));
    summary.push(`${kind}: ${totalsLine(totals)} (${minutes} min)`);
    for (const name of Object.keys(sum)) sum[name] += totals[name];
    if (code !== 0 && totals.failed === 0) sum.failed += 1;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
