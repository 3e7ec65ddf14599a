import type { WaymarkError } from '../../util/errors.js';
import type { Switch, SwitchReport } from '../switch.js';

/** An action. Plain data. The driver carries it out. */
export type Action =
  | LogAction
  /** A switch is counted. */
  | { readonly do: 'count-switch'; readonly change: Switch }
  | { readonly do: 'count-blackout'; readonly blackoutMs: number }
  /** Read from the place that is ready, and save the checkpoint. */
  | { readonly do: 'read'; readonly save: 'start' | 'switch' }
  /** Stop reading, to go on elsewhere. */
  | { readonly do: 'leave' }
  /** Look at all servers whose last look began before this moment, without waiting. */
  | { readonly do: 'look'; readonly sinceMs: number }
  /**
   * Look at the server whose stream ended, and at all others. Wait this long for a server that refuses connections.
   */
  | {
      readonly do: 'investigate';
      readonly server: string;
      readonly sinceMs: number;
      readonly graceMs: number;
    }
  /** Take another server id, because another reader uses ours. */
  | { readonly do: 'renew-server-id'; readonly server: string; readonly error: WaymarkError }
  | { readonly do: 'wait'; readonly ms: number }
  /** Report how the pool looks. */
  | { readonly do: 'survey' }
  /** Try a server after a delay. `limitMs` null: without a time limit. */
  | {
      readonly do: 'try';
      readonly server: string;
      readonly inMs: number;
      readonly limitMs: number | null;
    }
  /** Stop all attempts. */
  | { readonly do: 'stop-trying' }
  /** Go on from this server's proved place. */
  | { readonly do: 'take'; readonly server: string }
  /** Let the target of a move show that it could go on. */
  | {
      readonly do: 'rehearse';
      /** The operator's order. Null: the agent's own move. */
      readonly order: number | null;
      readonly server: string;
      readonly limitMs: number;
    }
  /** Read this server beside the stream's. */
  | { readonly do: 'shadow'; readonly server: string }
  /** Read it no longer. */
  | { readonly do: 'end-shadow'; readonly server: string }
  /** Look at the server that is read and at its shadow. Looks that began after `sinceMs` suffice. */
  | {
      readonly do: 'look-beside';
      readonly server: string;
      readonly shadow: string;
      readonly sinceMs: number;
    }
  /** Tell the operator the outcome of the order. */
  | { readonly do: 'answer'; readonly order: number; readonly outcome: SwitchReport | WaymarkError }
  /** No server has the place to begin. */
  | { readonly do: 'give-up'; readonly error: Error }
  /** The stream ends. */
  | { readonly do: 'end'; readonly error: unknown }
  /** Save the last checkpoint when everything has ended. */
  | { readonly do: 'save-last' };

/** A line for the log. */
export type LogAction = {
  readonly do: 'log';
  readonly level: 'info' | 'warn' | 'error';
  readonly fields: { readonly event: string } & Readonly<Record<string, unknown>>;
  readonly message: string;
};
