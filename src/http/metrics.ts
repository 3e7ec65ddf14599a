import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { Switch } from '../failover/switch.js';
import type { AgentStatus } from '../failover/status.js';

/** Where a stream's happenings are counted; what it is like is read from its status. */
export type StreamMeters = {
  /** A server was lost, and the stream goes on from the next place. */
  switched(change: Switch): void;
  /** It goes on: the first new record was accepted, or there is none to come. */
  level(blackoutMs: number): void;
  /** A server that is read beside the stream's has something otherwise. */
  differed(server: string, kind: string): void;
  /** The sink has accepted a batch. */
  delivered(seconds: number): void;
};

/** A value of a stream; null where it isn't known. */
type Reading = {
  readonly name: string;
  readonly help: string;
  readonly read: (status: AgentStatus) => number | null;
};

const counters: readonly Reading[] = [
  {
    name: 'waymark_rows_total',
    help: 'Changes delivered: rows and statements',
    read: ({ records }) => records,
  },
  {
    name: 'waymark_transactions_total',
    help: 'Transactions delivered',
    read: ({ transactions }) => transactions,
  },
  {
    name: 'waymark_received_bytes_total',
    help: 'Bytes of binary logs received from servers',
    read: ({ bytes }) => bytes,
  },
  {
    name: 'waymark_passed_over_transactions_total',
    help: 'Transactions met again after a switch, and not delivered again',
    read: ({ passedOver }) => passedOver,
  },
  {
    name: 'waymark_errant_transactions_total',
    help: 'Errant transactions: written directly on a replica, and left out',
    read: ({ errant }) => errant,
  },
  {
    name: 'waymark_checkpoint_failures_total',
    help: 'Failed attempts to save the checkpoint',
    read: ({ checkpoint }) => checkpoint.failures,
  },
];

const gauges: readonly Reading[] = [
  {
    name: 'waymark_healthy',
    help: '1 when the stream moves, as /healthz says',
    read: ({ healthy }) => Number(healthy),
  },
  {
    name: 'waymark_ready',
    help: '1 when the stream is read from a server',
    read: ({ ready }) => Number(ready),
  },
  { name: 'waymark_lag_seconds', help: 'Seconds behind the source', read: ({ lag }) => lag.seconds },
  {
    name: 'waymark_lag_bytes',
    help: "Bytes of the server's log still to read",
    read: ({ lag }) => lag.bytes,
  },
  {
    name: 'waymark_silence_seconds',
    help: 'Seconds since the server last sent anything, heartbeats included',
    read: ({ silentMs }) => inSeconds(silentMs),
  },
  {
    name: 'waymark_hint_age_seconds',
    help: 'Seconds since the last hint was injected',
    read: ({ hintAgeSeconds }) => hintAgeSeconds,
  },
  {
    name: 'waymark_injector_leads',
    help: '1 when an injector (waymark inject --pool) holds its lease; none without an election',
    read: ({ injector: { lease } }) => (lease === null ? null : Number(lease.holder !== null)),
  },
  {
    name: 'waymark_trail_transactions',
    help: 'Transactions in the trail, which another server would be compared with',
    read: ({ trail }) => trail.transactions,
  },
  {
    name: 'waymark_trail_hints',
    help: 'Hints in the trail: without one no switch is possible',
    read: ({ trail }) => trail.hints,
  },
  {
    name: 'waymark_shadow_ahead_transactions',
    help: 'Transactions that the shadow has and the stream has not delivered',
    read: ({ shadow }) => shadow?.ahead ?? null,
  },
  {
    name: 'waymark_shadow_behind_transactions',
    help: 'Transactions that the stream has delivered and the shadow has not shown',
    read: ({ shadow }) => shadow?.behind ?? null,
  },
  {
    name: 'waymark_shadow_in_doubt',
    help: '1 while the shadow has differed so lately that the stream does not go over to it at once',
    read: ({ shadow }) => (shadow === null ? null : Number(shadow.inDoubt)),
  },
  {
    name: 'waymark_checkpoint_age_seconds',
    help: 'Seconds since the last checkpoint was saved',
    read: ({ checkpoint }) => checkpoint.ageSeconds,
  },
  {
    name: 'waymark_sink_backlog_records',
    help: 'Records that the sink was handed and has not accepted yet',
    read: ({ sink }) => sink.backlog,
  },
  {
    name: 'waymark_sink_busy_seconds',
    help: 'Seconds that the sink has worked on what it was handed',
    read: ({ sink }) => inSeconds(sink.busyMs ?? 0),
  },
];

/** The metrics of a process, with a registry of their own: nothing here is global. */
export class Metrics {
  readonly #registry = new Registry();
  readonly #counters = counters.map((reading) => ({ reading, counter: new Counter(this.#about(reading)) }));
  readonly #gauges = gauges.map((reading) => ({ reading, gauge: new Gauge(this.#about(reading)) }));
  readonly #members = new Gauge({
    name: 'waymark_members',
    help: 'Servers of the pool, by finding',
    labelNames: ['stream', 'finding'],
    registers: [this.#registry],
  });
  readonly #equalUntil = new Gauge({
    name: 'waymark_member_equal_until_seconds',
    help: 'When a member was last equal to what was delivered, as a shadow, in seconds since 1970',
    labelNames: ['stream', 'server'],
    registers: [this.#registry],
  });
  readonly #switches = new Counter({
    name: 'waymark_switches_total',
    help: 'Switches, by finding (planned for a planned switch) and confidence',
    labelNames: ['stream', 'finding', 'confidence'],
    registers: [this.#registry],
  });
  readonly #differences = new Counter({
    name: 'waymark_replica_differences_total',
    help: 'Transactions that a shadow had otherwise than the server that is read, by server and kind',
    labelNames: ['stream', 'server', 'kind'],
    registers: [this.#registry],
  });
  readonly #blackout = new Histogram({
    name: 'waymark_blackout_seconds',
    help: 'Seconds from the last bytes of the old server to the first new record accepted from the next one',
    labelNames: ['stream'],
    buckets: [0.05, 0.1, 0.25, 0.5, 1, 2, 3.5, 5, 10, 30, 60, 300],
    registers: [this.#registry],
  });
  readonly #latency = new Histogram({
    name: 'waymark_sink_latency_seconds',
    help: 'Seconds that the sink took to accept a batch',
    labelNames: ['stream'],
    buckets: [0.0001, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 60],
    registers: [this.#registry],
  });

  /** Where a stream's happenings are counted. */
  meters(stream: string): StreamMeters {
    return {
      switched: ({ finding, confidence }) => {
        this.#switches.inc({ stream, finding, confidence: confidence ?? 'none' });
      },
      level: (blackoutMs) => {
        this.#blackout.observe({ stream }, blackoutMs / 1000);
      },
      differed: (server, kind) => {
        this.#differences.inc({ stream, server, kind });
      },
      delivered: (seconds) => {
        this.#latency.observe({ stream }, seconds);
      },
    };
  }

  /** All metrics in the text format of Prometheus. */
  async text(statuses: readonly AgentStatus[]): Promise<string> {
    for (const { reading, counter } of this.#counters) {
      counter.reset();
      for (const status of statuses) counter.inc({ stream: status.stream }, reading.read(status) ?? 0);
    }
    for (const { reading, gauge } of this.#gauges) {
      gauge.reset();
      for (const status of statuses) {
        const value = reading.read(status);
        if (value !== null) gauge.set({ stream: status.stream }, value);
      }
    }
    this.#members.reset();
    this.#equalUntil.reset();
    for (const { stream, members } of statuses) {
      for (const { server, finding, equal } of members) {
        this.#members.inc({ stream, finding });
        if (equal !== null) this.#equalUntil.set({ stream, server }, equal.until / 1000);
      }
    }
    return this.#registry.metrics();
  }

  #about({ name, help }: Reading): {
    name: string;
    help: string;
    labelNames: ['stream'];
    registers: [Registry];
  } {
    return { name, help, labelNames: ['stream'], registers: [this.#registry] };
  }
}

function inSeconds(ms: number | null): number | null {
  return ms === null ? null : ms / 1000;
}
