import type { Coordinates } from '../../binlog/coordinates.js';
import type { Confidence } from '../../matching/match-state.js';
import type { DeliveredBatch } from '../../tail/deliveries.js';
import type { Sight } from '../../pool/evidence.js';
import type { ProbeOutcome } from '../../pool/probe.js';
import type { DifferenceReport } from '../../shadow/difference-report.js';
import type { Equal } from '../../shadow/shadow.js';
import type { PoolMember, Retry, Settings, Stand } from './state.js';

/** A place where reading begins. */
export type Placed = {
  readonly server: string;
  readonly serverId: number;
  /** The version that the server reports. */
  readonly version: string;
  readonly coordinates: Coordinates;
  /** The hint that proves it. Null if there was nothing to prove. */
  readonly hint: string | null;
  /** The GTID that proves it. Null if there was nothing to prove. */
  readonly gtid: string | null;
  readonly confidence: Confidence | null;
  /** Transactions of the trail that were met there. */
  readonly matched: number;
  /** Whether another server can be compared with it: there is a hint before it, or each transaction has a GTID. */
  readonly isAnchored: boolean;
  /** Where the server's log ended. Null if unknown. */
  readonly logEnd: Coordinates | null;
  /** The cost of finding the place. Null if there was nothing to find. */
  readonly took: { readonly locateMs: number; readonly verifyMs: number } | null;
};

/** What has happened. */
export type Happening =
  /** The pool is watched anew. */
  | { readonly type: 'watched' }
  /** Another agent leads, or none. `since` in milliseconds since 1970. */
  | { readonly type: 'stood-by'; readonly since: number; readonly leader: string | null }
  /** This agent leads the stream from now on. */
  | { readonly type: 'led' }
  /** The agent knows what was delivered. `before`: the server that it was read from, which is tried alone first. */
  | { readonly type: 'resumed'; readonly before: string | null }
  /** A place is ready for reading. */
  | { readonly type: 'placed'; readonly place: Placed }
  /** Reading begins. A stream's very first checkpoint is saved. */
  | { readonly type: 'begun' }
  | ({ readonly type: 'batch' } & DeliveredBatch)
  /** Time to judge the servers. */
  | {
      readonly type: 'tick';
      readonly sights: readonly Sight[];
      readonly lastHeardAtMs: number | null;
      /** What the shadow has shown. Null if there is none, or if it hasn't shown everything yet. */
      readonly equal: ({ readonly server: string } & Equal) | null;
    }
  /** The stream has ended by itself. */
  | {
      readonly type: 'stream-ended';
      readonly error: unknown;
      readonly lastHeardAtMs: number | null;
      readonly stand: Stand;
    }
  /** The stream has ended as intended. */
  | { readonly type: 'stream-left'; readonly lastHeardAtMs: number | null; readonly stand: Stand }
  /** The server whose stream ended was looked at, and the others were, too. */
  | {
      readonly type: 'looked';
      readonly own: Sight;
      readonly probe: ProbeOutcome;
      readonly others: readonly Sight[];
    }
  /** The wait is over. */
  | { readonly type: 'woken' }
  /** How the pool looks, for the choice. */
  | { readonly type: 'surveyed'; readonly sights: readonly Sight[] }
  /** A server that is being tried still lacks what was delivered. */
  | { readonly type: 'behind'; readonly server: string }
  | { readonly type: 'proved'; readonly server: string }
  /** The stream can't go on from a server that was tried. `late`: its time limit has passed. */
  | {
      readonly type: 'not-proved';
      readonly server: string;
      readonly error: unknown;
      readonly late: boolean;
    }
  /** The operator orders a switch. */
  | { readonly type: 'ordered'; readonly order: number; readonly target: string }
  /** The target of a move has shown that it could go on. */
  | { readonly type: 'rehearsed' }
  /** It has failed to show that. `behind`: the agent would have to wait for it. */
  | { readonly type: 'not-rehearsed'; readonly error: unknown; readonly behind: boolean }
  /** The place on the shadow is proved. */
  | { readonly type: 'shadow-began'; readonly server: string }
  /** The shadow has ended by itself. */
  | { readonly type: 'shadow-ended'; readonly server: string; readonly error: unknown }
  /** The stream's server and its shadow have something otherwise. */
  | { readonly type: 'shadow-differs'; readonly report: DifferenceReport }
  /** Nothing comes from the server that is read, while its shadow is heard of. */
  | { readonly type: 'silent-beside'; readonly server: string; readonly reason: string }
  /** How long the shadow has had what the server that is read hasn't shown. */
  | {
      readonly type: 'led-by-shadow';
      readonly server: string;
      readonly leadMs: number;
      readonly isTooLong: boolean;
    }
  /** The server that is read was looked at, and its shadow was, too. */
  | {
      readonly type: 'looked-beside';
      readonly server: string;
      readonly shadow: string;
      readonly sights: readonly Sight[];
    }
  /** The configuration was read, for the first time or again. */
  | { readonly type: 'configured'; readonly pool: readonly PoolMember[]; readonly settings: Settings }
  /** The stream is to end, or has ended: on request, because the lease is lost, or by an error. */
  | { readonly type: 'ended'; readonly error: unknown }
  /** Everything is closed. */
  | { readonly type: 'closed'; readonly error: unknown; readonly end: EndOf }
  /** The stream was given up, for good (null) or until it is tried again. */
  | { readonly type: 'halted'; readonly reason: string; readonly retry: Retry | null };

/** Facts that tell whether only the leadership has ended. */
export type EndOf = {
  /** Whether the lease is lost. */
  readonly leaseLost: boolean;
  /** Of the leadership; 0 without an election. */
  readonly token: number;
  /** Whether the checkpoint store is remote, and may be only temporarily unavailable. */
  readonly storeIsRemote: boolean;
};

/** What has happened, and when: on the monotonic clock, and in milliseconds since 1970. */
export type StreamEvent = { readonly atMs: number; readonly wallMs: number } & Happening;

/** An event of one type. */
export type EventOf<T extends StreamEvent['type']> = Extract<StreamEvent, { readonly type: T }>;
