/**
 * `npm run simulate [-- --seeds 1000] [--from 1] [--minutes 5] [--until-failure]`: runs seeds on all processors, and shows
 * those that fail.
 * `-- --seed 17` runs one, and shows all that it tells: what was made to go wrong, and what the agents logged.
 */
import { parseArgs } from 'node:util';
import { runSeeds } from './seed-runner.js';
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

const began = performance.now();
const outcomes: Outcome[] = [];
let failed = 0;
if (values.seed === undefined) await runMany();
else await runOne(values.seed);
conclude();

async function runOne(seed: string): Promise<void> {
  const outcome = await simulate(seed);
  showFaults(outcome);
  console.log(outcome.log.join('\n'));
  console.log(`made to go wrong:\n  ${outcome.made.join('\n  ')}`);
  for (const { atMs, code, message } of outcome.endings) {
    console.log(`  an agent ended at ${(atMs / 1000).toFixed(3)}: ${code}: ${message}`);
  }
  console.log(`digest ${outcome.digest}`);
  count(outcome);
}

async function runMany(): Promise<void> {
  for await (const result of runSeeds(wanted())) {
    if (result.kind === 'outcome') {
      if (result.outcome.faults.length > 0) showFaults(result.outcome);
      count(result.outcome);
    } else {
      failed += 1;
      console.log(`\nseed ${result.seed} ended its process:\n${result.output}`);
    }
    if (failed > 0 && values['until-failure']) break;
  }
}

function* wanted(): Generator<string, void, void> {
  const first = Number(values.from);
  const limitMs = Number(values.minutes) * 60_000;
  for (let seed = first; seed < first + Number(values.seeds); seed += 1) {
    if (performance.now() - began > limitMs) return;
    yield String(seed);
  }
}

function count(outcome: Outcome): void {
  if (outcome.faults.length > 0) failed += 1;
  // Of those that are kept for the sum, the logs would fill the memory.
  outcomes.push({ ...outcome, log: [] });
}

function showFaults({ seed, plan, faults }: Outcome): void {
  console.log(`\nseed ${seed} (npm run simulate -- --seed ${seed}): ${JSON.stringify(plan)}`);
  for (const { what, evidence } of faults) console.log(`  ${what}\n    ${evidence.join('\n    ')}`);
}

/** The figures of all, and the line of totals. */
function conclude(): void {
  const sum = (of: (outcome: Outcome) => number): string =>
    String(outcomes.reduce((total, outcome) => total + of(outcome), 0));
  const codes = new Map<string, number>();
  for (const { code } of outcomes.flatMap(({ endings }) => endings))
    codes.set(code, (codes.get(code) ?? 0) + 1);
  const seconds = ((performance.now() - began) / 1000).toFixed(0);
  console.log(
    `${String(outcomes.length)} seeds in ${seconds} s: ${sum(({ made }) => made.length)} faults, ` +
      `${sum(({ switches }) => switches)} switches, ${sum(({ changes }) => changes)} changes delivered`,
  );
  const ends = [...codes].map(([code, times]) => `${code} ${String(times)}`).join(', ');
  console.log(`agents ended by themselves, and were started again: ${ends === '' ? 'none' : ends}`);
  const halted = outcomes.filter(({ isHalted }) => isHalted).length;
  console.log(`streams halted by right, for want of names: ${String(halted)}`);
  const passed = outcomes.filter(({ faults }) => faults.length === 0).length;
  console.log(`${String(passed)} passed, ${String(failed)} failed, 0 skipped`);
  process.exit(failed === 0 ? 0 : 1);
}
