import { expect } from 'vitest';
import { until } from '../servers/wait.js';
import type { LogEvent } from './agent-process.js';
import type { Scenario } from './scenario.js';

/** Rows of the transaction that is cut off in its middle. */
export const bigRows = 200_000;

/** Much more than sockets hold with it: what a server has sent comes also when it is dead. */
const paddingBytes = 180;

/** Writes the transaction that is cut off in its middle; resolves when it is committed. */
export async function writeBigTransaction({ load }: Scenario): Promise<void> {
  await load.bigTransaction(bigRows, paddingBytes);
}

/** Resolves when the audit file holds a good part of the big transaction that is being delivered, and not all of it. */
export async function inTheMiddle(stage: Scenario): Promise<void> {
  const before = await stage.follower.lines();
  const lines = await until(
    'the big transaction is being delivered',
    async () => {
      const more = (await stage.follower.lines()) - before;
      return more > 0.05 * bigRows && more;
    },
    { timeoutMs: 60_000, everyMs: 2 },
  );
  if (lines > 0.85 * bigRows)
    throw new Error(`the big transaction was delivered too fast to be cut off: ${lines} rows`);
}

/**
 * How much of the big transaction was delivered when its server died. MySQL's is delivered while it is read, so it is cut
 * off. MariaDB's is held until it is there whole, and what is delivered of it then goes on to its end without the server
 * (unless the agent finds the server dead before that).
 */
export function expectCutOff(cut: LogEvent, { source }: Scenario): void {
  if (source.vendor === 'mysql') expect(cut['partialChanges']).toBeGreaterThan(1000);
  expect(cut['partialChanges']).toBeLessThan(bigRows);
}
