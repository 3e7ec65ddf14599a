import type { Logger } from 'pino';
import { type Address, isLoopback } from './config/address.js';
import { requireOwnFiles } from './check/own-files.js';
import { requireConditions } from './check/required.js';
import type { Config } from './config/schema.js';
import { createElections } from './election/create-elections.js';
import type { Elections } from './election/election.js';
import type { MemberView } from './failover/member-view.js';
import type { AgentStatus } from './failover/status.js';
import type { ReloadReport } from './failover/reload.js';
import type { SwitchReport } from './failover/switch.js';
import type { ShownAgent } from './http/shown-agent.js';
import { serveHttp, type HttpServer } from './http/http-server.js';
import { Metrics } from './http/metrics.js';
import { injectorLease } from './injection/injector-lease.js';
import { readAccount } from './mysql/account.js';
import { type Runtime, runIn } from './runtime/runtime.js';
import { createSink } from './sinks/create-sink.js';
import type { Sink } from './sinks/sink.js';
import { type ScheduledStream, Scheduler } from './streams/scheduler.js';
import { runStream, type StreamElections } from './streams/run-stream.js';
import { Stream } from './streams/stream.js';
import { epochMs } from './util/clock.js';
import { messageOf, WaymarkError } from './util/errors.js';
import { formatDuration } from './util/quantities.js';

/** How an agent runs, apart from its configuration. */
export type AgentOptions = {
  readonly logger: Logger;
  /** Where the records of a stream go. The configured sink by default. */
  readonly sink?: Sink | ((stream: string) => Sink);
  /**
   * If no server has the place to go on from any more: whether to begin anew where `start` says, with a record of the
   * gap, instead of ending with an error.
   */
  readonly acceptGap?: boolean;
  /**
   * Everything that the agent has of the outside. This process's own by default. Signals that the agent is given must
   * fire within it.
   */
  readonly runtime?: Runtime;
};

/** An agent with its streams. It reads each stream from one server of its pool at a time. */
export type Agent = {
  /**
   * Runs until the signal fires. Then resolves when everything is flushed, saved and closed. If the agent has only one
   * stream, rejects with the error that stops it for good. If it has several, tries a failed one again. Call it only
   * once.
   */
  run(signal: AbortSignal): Promise<void>;
  /** Returns the status of a stream by its name. The name may be left out if there is only one. */
  status(stream?: string): AgentStatus;
  /** Returns the statuses of all streams that this agent leads or stands by for. */
  statuses(): readonly AgentStatus[];
  /** Returns the servers as the agent sees them. Empty while it neither leads the stream nor stands by for it. */
  members(stream?: string): readonly MemberView[];
  /**
   * Moves a stream to another member: delivers everything that was read, and goes on reading there.
   * @throws WaymarkError `switch-refused` with the reasons. The stream then goes on where it was.
   */
  switchTo(address: Address, signal: AbortSignal, stream?: string): Promise<SwitchReport>;
  /** Makes the sinks go on in new files if theirs have been moved away (`SIGUSR2`). */
  rotate(): void;
  /** Applies what a new configuration changes in the pool and in `failover`, without losing the place. */
  reload(config: Config | readonly Config[]): ReloadReport;
};

/** Creates an agent for one or several streams, from their configurations. Nothing happens before `run`. */
export function createAgent(config: Config | readonly Config[], options: AgentOptions): Agent {
  const { runtime } = options;
  if (runtime === undefined) return assembled(config, options);
  const agent = runIn(runtime, () => assembled(config, options));
  return {
    run: (signal) => runIn(runtime, () => agent.run(signal)),
    status: (stream) => runIn(runtime, () => agent.status(stream)),
    statuses: () => runIn(runtime, () => agent.statuses()),
    members: (stream) => runIn(runtime, () => agent.members(stream)),
    switchTo: (address, signal, stream) => runIn(runtime, () => agent.switchTo(address, signal, stream)),
    rotate: () => {
      runIn(runtime, () => {
        agent.rotate();
      });
    },
    reload: (changed) => runIn(runtime, () => agent.reload(changed)),
  };
}

function assembled(config: Config | readonly Config[], options: AgentOptions): Agent {
  const configs = 'stream' in config ? [config] : config;
  const [shared] = configs;
  if (shared === undefined) throw new WaymarkError('config', 'an agent needs at least one stream');
  if (options.sink === undefined && configs.filter(({ sink }) => sink.type === 'stdout').length > 1) {
    throw new WaymarkError(
      'config',
      "sink: several streams can't share stdout. Give each stream its own file",
    );
  }
  const { logger } = options;
  const metrics = new Metrics();
  const streams = configs.map((own) => streamOf(own, configs.length, metrics, options));
  const find = (name?: string): Stream => namedStream(streams, name);
  const single = streams.length === 1;
  let scheduler: Scheduler | null = null;
  const statuses = (): AgentStatus[] =>
    streams.filter(({ name }) => single || scheduler?.carries(name)).map((stream) => stream.status());
  const agent: Agent = {
    status: (name) => find(name).status(),
    statuses,
    members: (name) => find(name).members(),
    switchTo: async (address, signal, name) => find(name).switchTo(address, signal),
    rotate: () => {
      for (const { sink } of streams) sink.rotate?.();
    },
    reload: (changed) => reloadAll(streams, 'stream' in changed ? [changed] : changed),
    async run(signal) {
      try {
        if (single) await requireAll(find(), options, signal);
        else {
          if (options.sink === undefined) await requireOwnFiles(configs);
          for (const config of configs) await requireConditions(config, { about: 'agent', signal, logger });
        }
        for (const stream of streams) stream.use(await readAccount(stream.config));
        const http = await serve(shared.http, agent, metrics, logger);
        const elections = createElections(shared.election, { account: await readAccount(shared), logger });
        try {
          if (single) await runOnly(find(), elections, signal);
          else {
            scheduler = carrierOf(streams, elections, options, shared.maxStreams);
            await scheduler.run(signal);
          }
        } finally {
          await elections.close();
          await http?.close();
        }
      } catch (error) {
        if (!signal.aborted || error !== signal.reason) {
          logStopped(logger, error);
          throw error;
        }
      }
      logger.info({ event: 'stopped', reason: 'asked to' }, 'Stopped');
    },
  };
  return agent;
}

/** Creates an agent and runs it: see {@link Agent.run}. */
export async function runAgent(
  config: Config | readonly Config[],
  options: AgentOptions & { readonly signal: AbortSignal },
): Promise<void> {
  await createAgent(config, options).run(options.signal);
}

function streamOf(config: Config, count: number, metrics: Metrics, options: AgentOptions): Stream {
  const { sink, acceptGap = false } = options;
  const logger = count === 1 ? options.logger : options.logger.child({ stream: config.stream });
  const given = typeof sink === 'function' ? sink(config.stream) : sink;
  return new Stream({
    config,
    sink: given ?? createSink(config, logger),
    logger,
    meters: metrics.meters(config.stream),
    acceptGap,
  });
}

function namedStream(streams: readonly Stream[], name: string | undefined): Stream {
  const [only, ...others] = streams;
  const found =
    name === undefined ? (others.length === 0 ? only : undefined) : streams.find((one) => one.name === name);
  if (found !== undefined) return found;
  const known = streams.map((one) => one.name).join(', ');
  throw new WaymarkError(
    'usage',
    name === undefined
      ? `Say which stream: this agent has ${known}`
      : `There is no stream "${name}": this agent has ${known}`,
  );
}

/** Reloads the streams that the agent has. Streams are added and removed only by a restart. */
function reloadAll(streams: readonly Stream[], configs: readonly Config[]): ReloadReport {
  const reports = streams.flatMap((stream) => {
    const config = configs.find((one) => one.stream === stream.name);
    return config === undefined ? [] : [stream.reload(config)];
  });
  const known = configs.filter(({ stream }) => streams.some(({ name }) => name === stream)).length;
  const others = known === streams.length && known === configs.length ? [] : ['streams'];
  const all = (pick: (report: ReloadReport) => readonly string[]): string[] => [
    ...new Set(reports.flatMap(pick)),
  ];
  return {
    added: all(({ added }) => added),
    removed: all(({ removed }) => removed),
    changed: all(({ changed }) => changed),
    notApplied: [...all(({ notApplied }) => notApplied), ...others],
  };
}

async function serve(
  http: Config['http'],
  agent: Agent,
  metrics: Metrics,
  logger: Logger,
): Promise<HttpServer | null> {
  if (!http) return null;
  const shown = {
    statuses: () => agent.statuses(),
    metrics: () => metrics.text(agent.statuses()),
    switchTo: (to: Address, signal: AbortSignal, stream?: string) => agent.switchTo(to, signal, stream),
    // If only this machine reaches the listener, no other host name leads here legitimately.
    hosts: http.hosts ?? (isLoopback(http.listen.host) ? [] : null),
    token: http.token ?? null,
    open: openFaces(http),
  };
  return serveHttp(http.listen, shown, logger);
}

function openFaces({ listen, metrics }: NonNullable<Config['http']>): ShownAgent['open'] {
  if (isLoopback(listen.host)) return 'all';
  return metrics === 'open' ? 'health-and-metrics' : 'health';
}

/** Checks the conditions for the only stream of an agent, and for the agent. */
async function requireAll(
  stream: Stream,
  { sink, logger }: AgentOptions,
  signal: AbortSignal,
): Promise<void> {
  await requireConditions(stream.config, { ownSink: sink !== undefined, signal, logger });
}

/** The elections that a stream takes part in or looks at. */
function electionsOf({ name }: Stream, elections: Elections): StreamElections {
  return { own: elections.of(name), injectors: elections.of(injectorLease(name)) };
}

/** Runs the only stream of an agent. What stops it stops the agent. */
async function runOnly(stream: Stream, elections: Elections, signal: AbortSignal): Promise<void> {
  try {
    await runStream(stream, electionsOf(stream, elections), signal);
  } catch (error) {
    if (signal.aborted) return;
    stream.halted(messageOf(error), null);
    throw error;
  }
}

function logStopped(logger: Logger, error: unknown): void {
  const reason = messageOf(error);
  logger.error({ event: 'stopped', ...errorFields(error), reason }, `Stopped: ${reason}`);
}

function carrierOf(
  streams: readonly Stream[],
  elections: Elections,
  options: AgentOptions,
  limit: number,
): Scheduler {
  const { logger } = options;
  return new Scheduler({
    ...{ elections, logger, limit },
    streams: streams.map((stream) => carried(stream, elections, options)),
  });
}

/** Returns one of several streams for the scheduler. If it fails, it is tried again. */
function carried(stream: Stream, elections: Elections, { sink }: AgentOptions): ScheduledStream {
  const { config, logger } = stream;
  return {
    name: stream.name,
    async run(signal) {
      await requireConditions(config, { about: 'stream', ownSink: sink !== undefined, signal, logger });
      return runStream(stream, electionsOf(stream, elections), signal);
    },
    leads: () => stream.token !== null,
    failed(error, retryMs) {
      const reason = messageOf(error);
      stream.halted(reason, { since: epochMs(), retryMs });
      stream.logger.error(
        { event: 'stream.failed', ...errorFields(error), reason, retryMs },
        `The stream failed. It is tried again in ${formatDuration(retryMs)}: ${reason}`,
      );
    },
  };
}

function errorFields(error: unknown): object {
  return error instanceof WaymarkError ? { code: error.code, ...error.details } : {};
}
