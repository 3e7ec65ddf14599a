import type { Address } from '../config/address.js';
import type { Secret } from '../config/secret.js';
import type { AgentStatus } from '../failover/status.js';
import type { SwitchReport } from '../failover/switching.js';

/** What the agent shows and takes over HTTP. */
export type Faces = {
  /** The state of each stream, as it is at that moment. */
  statuses(): readonly AgentStatus[];
  /** The metrics in the text format of Prometheus. */
  metrics(): Promise<string>;
  /** Moves a stream to another server: see `Agent.switchTo`. */
  switchTo(to: Address, signal: AbortSignal, stream?: string): Promise<SwitchReport>;
  /** What whoever gives orders must know; null: nobody may. */
  readonly token: Secret | null;
};
