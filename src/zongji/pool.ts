import type { Logger } from 'pino';
import { requireConditions } from '../check/required.js';
import type { Config } from '../config/schema.js';
import { createElections } from '../election/create-elections.js';
import { Metrics } from '../http/metrics.js';
import { readAccount } from '../mysql/account.js';
import type { Sink } from '../sinks/sink.js';
import { runStream } from '../streams/run-stream.js';
import { Stream } from '../streams/stream.js';
import { emittingTail, type PoolHost } from './emitting-tail.js';

/**
 * Reads a pool as the agent does: one server after the other, from a place that is proved, which its checkpoint keeps.
 * Ends by rejecting: with the signal's reason, or with what stops the stream for good.
 */
export async function readPool(
  config: Config,
  logger: Logger,
  host: PoolHost,
  signal: AbortSignal,
): Promise<never> {
  await requireConditions(config, { about: 'agent', ownSink: true, signal, logger });
  const account = await readAccount(config);
  const stream = new Stream({
    ...{ config, logger, sink: noSink, acceptGap: false },
    meters: new Metrics().meters(config.stream),
    read: emittingTail(host),
  });
  stream.use(account);
  const elections = createElections(config.election, { account, logger });
  try {
    return await runStream(stream, { own: elections.of(stream.name), injectors: null }, signal);
  } finally {
    await elections.close();
  }
}

/** Nothing is delivered to a sink: the program has the events when they have been emitted. */
const noSink: Sink = {
  open: () => Promise.resolve({ remembers: false, delivered: [], endsBetweenTransactions: true }),
  deliver: () => Promise.resolve(),
  flush: () => Promise.resolve(null),
  close: () => Promise.resolve(),
};
