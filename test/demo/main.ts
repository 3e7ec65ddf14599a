import { parseArgs } from 'node:util';
import type { Judgement } from './judge.js';
import { play } from './play.js';
import { Screen } from './screen.js';

const exitCodes = { perfect: 0, failed: 1, interrupted: 130 } as const;

/** Why the play ends early when the audience says so. */
class Interrupted extends Error {}

/** Plays the demo and gives the exit code. */
async function run(): Promise<number> {
  const { values } = parseArgs({ options: { zookeeper: { type: 'boolean', default: false } } });
  const screen = new Screen(process.stdout, process.env);
  const ending = new AbortController();
  const end = (): void => {
    ending.abort(new Interrupted('interrupted'));
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, end);
  screen.plain();
  screen.plain(
    screen.style(
      'bold',
      'waymark: a reader of binary logs loses its server, and nobody notices in its output',
    ),
  );
  screen.plain();
  try {
    const judgement = await play({ screen, zookeeper: values.zookeeper, signal: ending.signal });
    show(screen, judgement);
    return judgement.perfect ? exitCodes.perfect : exitCodes.failed;
  } catch (error) {
    if (ending.signal.aborted) {
      screen.plain('Interrupted; everything that was started has been ended.');
      return exitCodes.interrupted;
    }
    const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
    screen.plain(screen.style('red', `The demo failed: ${message}`));
    return exitCodes.failed;
  }
}

function show(screen: Screen, judgement: Judgement): void {
  const { transactions, changes, missing, doubled, unknown, outOfOrder, unfitting, rows, perfect } =
    judgement;
  const compare = (name: string, left: number, right: number): void => {
    screen.plain(`  ${name.padEnd(24)}${figure(left)} written ${figure(right)} in the audit file`);
  };
  screen.plain();
  screen.plain(
    screen.style('bold', 'The judgement: the audit file against the writers and the table of the source'),
  );
  screen.plain();
  compare('transactions', transactions.committed, transactions.audited);
  compare('changed rows', changes.committed, changes.audited);
  screen.plain(
    `  missing ${missing}, doubled ${doubled}, out of order ${outOfOrder}, ` +
      `of rolled-back transactions ${unknown}, not fitting the row before ${unfitting}`,
  );
  screen.plain(
    `  replaying the audit file gives ${rows.replayed} rows; the table has ${rows.source}; the same: ${rows.same}`,
  );
  screen.plain();
  screen.plain(
    perfect
      ? screen.style('green', '✓ Every change was delivered exactly once, in order.')
      : screen.style('red', '✗ Not every change was delivered exactly once, in order.'),
  );
}

function figure(value: number): string {
  return value.toLocaleString('en').padStart(8);
}

process.exitCode = await run();
// A server that did not end as it should must not hold us up; its reaper will see to it.
process.exit();
