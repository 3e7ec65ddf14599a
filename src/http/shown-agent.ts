import type { Address } from '../config/address.js';
import type { Secret } from '../config/secret.js';
import type { AgentStatus } from '../failover/status.js';
import type { SwitchReport } from '../failover/switch.js';

/** What the agent shows and takes over HTTP. */
export type ShownAgent = {
  /** The state of each stream, as it is at that moment. */
  statuses(): readonly AgentStatus[];
  /** The metrics in the text format of Prometheus. */
  metrics(): Promise<string>;
  /** Moves a stream to another server: see `Agent.switchTo`. */
  switchTo(to: Address, signal: AbortSignal, stream?: string): Promise<SwitchReport>;
  /** Names by which we may be asked, beside those of this machine's loopback; null: any. */
  readonly hosts: readonly string[] | null;
  /** What whoever gives orders must know; null: nobody may. */
  readonly token: Secret | null;
  /**
   * What may be read without the token. Where that isn't all, `/healthz` and `/readyz` say so alone whether they are
   * right, and not why.
   */
  readonly open: 'all' | 'health-and-metrics' | 'health';
};
