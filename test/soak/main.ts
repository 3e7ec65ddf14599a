import { parseArgs } from 'node:util';
import { allowLongRun } from '../servers/reaper.js';
import { totalsLine } from '../setup/totals.mjs';
import { soak, type SoakResult } from './soak.js';

/** The judgement holds all tables of the run in memory. */
const mostMinutes = 90;

/** Beyond the faults: the start, what is under way, the judgement. */
const besidesMs = 15 * 60_000;

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    seed: { type: 'string', default: '1' },
    gentle: { type: 'boolean', default: false },
  },
});
const [minutes, seed] = [number('minutes', values.minutes), number('seed', values.seed)];
if (minutes <= 0 || minutes > mostMinutes)
  throw new Error(`--minutes must be more than 0 and at most ${mostMinutes}`);

allowLongRun(minutes * 60_000 + besidesMs);
const began = performance.now();
const ending = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    ending.abort();
  });
}
const { ok, skipped } = await run();
console.log(totalsLine({ passed: ok ? 1 : 0, failed: ok ? 0 : 1, skipped }));
process.exitCode = ok ? 0 : 1;
// A server that did not end as it should must not hold us up; its reaper will see to it.
process.exit();

async function run(): Promise<SoakResult> {
  try {
    return await soak({ minutes, seed, gentle: values.gentle, signal: ending.signal, say });
  } catch (error) {
    console.error(error);
    return { ok: false, skipped: 0 };
  }
}

function say(text: string): void {
  const seconds = ((performance.now() - began) / 1000).toFixed(1).padStart(6);
  for (const line of text.split('\n')) console.log(`${seconds} s  ${line}`);
}

function number(name: string, text: string): number {
  const value = Number(text);
  if (text === '' || !Number.isFinite(value)) throw new Error(`--${name} is '${text}', and must be a number`);
  return value;
}
