import type { Logger } from 'pino';
import { parseAddress } from './config/address.js';
import type { Config } from './config/schema.js';
import type { Checkpointer } from './failover/checkpointer.js';
import type { Coordinator } from './failover/coordinator.js';
import type { MemberView } from './failover/members.js';
import { isBehind, LogSizes } from './failover/log-sizes.js';
import { type AgentEvent, initialState } from './failover/state.js';
import { type AgentStatus, statusOf } from './failover/status.js';
import type { Supervisor } from './failover/supervisor.js';
import { type HttpServer, serveHttp } from './http/http-server.js';
import { Metrics, type StreamMeters } from './http/metrics.js';
import type { Faces } from './http/routes.js';
import type { Account } from './mysql/connection.js';
import { measuredSink, noActivity, type SinkActivity } from './sinks/measured-sink.js';
import type { Sink } from './sinks/sink.js';
import type { Progress } from './tail/progress.js';

/** What is there once the stream has begun. */
export type Parts = {
  coordinator: Coordinator | null;
  supervisor: Supervisor | null;
  checkpointer: Checkpointer | null;
};

/** A stream as it is seen from outside: its status and its meters. */
export class AgentView {
  readonly #stream: string;
  readonly #progress: Progress;
  readonly #parts: Readonly<Parts>;
  readonly #metrics = new Metrics();
  readonly #meters: StreamMeters;
  readonly #logSizes = new LogSizes();
  #sinkActivity: () => SinkActivity = () => noActivity;

  constructor(stream: string, progress: Progress, parts: Readonly<Parts>) {
    this.#stream = stream;
    this.#progress = progress;
    this.#parts = parts;
    this.#meters = this.#metrics.meters(stream);
  }

  /** The servers as the agent sees them; empty before the stream has begun. */
  members(): readonly MemberView[] {
    const { coordinator, supervisor } = this.#parts;
    return (coordinator && supervisor?.members(coordinator)) ?? [];
  }

  status(): AgentStatus {
    const { coordinator, checkpointer } = this.#parts;
    return statusOf({
      stream: this.#stream,
      state: coordinator?.state ?? initialState,
      progress: this.#progress,
      members: this.members(),
      logs: this.#logSizes,
      checkpoint: checkpointer ?? { savedAt: null, failures: 0, failing: null },
      sink: this.#sinkActivity(),
      now: { monotonicMs: performance.now(), wallMs: Date.now() },
    });
  }

  /** Serves it over HTTP, if the configuration says where. */
  async serve(http: Config['http'], switchTo: Faces['switchTo'], logger: Logger): Promise<HttpServer | null> {
    if (!http) return null;
    const statuses = (): AgentStatus[] => [this.status()];
    const metrics = (): Promise<string> => this.#metrics.text(statuses());
    return serveHttp(http.listen, { statuses, metrics, switchTo, token: http.token ?? null }, logger);
  }

  /** The same sink, watched. */
  watched(sink: Sink): Sink {
    const measured = measuredSink(sink, (seconds) => {
      this.#meters.delivered(seconds);
    });
    this.#sinkActivity = measured.activity;
    return measured.sink;
  }

  /** Counts what the state can't tell afterwards: it keeps the last switches only. */
  count(event: AgentEvent): void {
    if (event.type === 'placed' && event.change.from !== null) this.#meters.switched(event.change);
    if (event.type === 'level') this.#meters.level(event.blackoutMs);
  }

  /** Keeps up with how far the stream is behind while it is files behind, until the signal fires. Never rejects. */
  async watchLogs(account: Account, signal: AbortSignal): Promise<void> {
    await this.#logSizes.run(() => {
      const reading = this.members().find((view) => view.reading);
      if (!reading || !isBehind(this.#progress.coordinates, reading)) return null;
      return { address: parseAddress(reading.server), account };
    }, signal);
  }
}
