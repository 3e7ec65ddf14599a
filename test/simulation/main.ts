/**
 * `npm run simulate [-- --seeds 1000] [--from 1] [--minutes 5] [--until-failure]`: runs one seed after the other, and
 * shows those that fail.
 * `-- --seed 17` runs one, and shows all that it tells: what was made to go wrong, and what the agents logged.
 */
import { parseArgs } from 'node:util';
import { type Outcome, simulate } from './simulation.js';

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '1000' },
    from: { type: 'string', default: '1' },
    minutes: { type: 'string', default: '600' },
    'until-failure': { type: 'boolean', default: false },
    seed: { type: 'string' },
  },
});

const single = values.seed !== undefined;
const first = Number(values.seed ?? values.from);
const last = single ? first : first + Number(values.seeds) - 1;
const limitMs = Number(values.minutes) * 60_000;

const began = performance.now();
const outcomes: Outcome[] = [];
for (let seed = first; seed <= last && performance.now() - began < limitMs; seed += 1) {
  const outcome = await simulate(String(seed));
  const isFailed = outcome.faults.length > 0;
  if (single || isFailed) show(outcome);
  // Of those that are kept for the sum, the logs would fill the memory.
  outcomes.push({ ...outcome, log: [] });
  if (isFailed && values['until-failure']) break;
}
conclude();

function show({ seed, plan, faults, made, endings, digest, log }: Outcome): void {
  console.log(`\nseed ${seed} (npm run simulate -- --seed ${seed}): ${JSON.stringify(plan)}`);
  for (const { what, evidence } of faults) console.log(`  ${what}\n    ${evidence.join('\n    ')}`);
  if (!single) return;
  console.log(log.join('\n'));
  console.log(`made to go wrong:\n  ${made.join('\n  ')}`);
  for (const { atMs, code, message } of endings) {
    console.log(`  an agent ended at ${(atMs / 1000).toFixed(3)}: ${code}: ${message}`);
  }
  console.log(`digest ${digest}`);
}

/** The figures of all, and the line of totals. */
function conclude(): void {
  const sum = (of: (outcome: Outcome) => number): string =>
    String(outcomes.reduce((total, outcome) => total + of(outcome), 0));
  const failed = outcomes.filter(({ faults }) => faults.length > 0).length;
  const codes = new Map<string, number>();
  for (const { code } of outcomes.flatMap(({ endings }) => endings))
    codes.set(code, (codes.get(code) ?? 0) + 1);
  const seconds = ((performance.now() - began) / 1000).toFixed(0);
  console.log(
    `${String(outcomes.length)} seeds in ${seconds} s: ${sum(({ made }) => made.length)} faults, ` +
      `${sum(({ switches }) => switches)} switches, ${sum(({ changes }) => changes)} changes delivered`,
  );
  const ends = [...codes].map(([code, count]) => `${code} ${String(count)}`).join(', ');
  console.log(`agents ended by themselves, and were started again: ${ends === '' ? 'none' : ends}`);
  console.log(`${String(outcomes.length - failed)} passed, ${String(failed)} failed, 0 skipped`);
  process.exit(failed === 0 ? 0 : 1);
}
