import type { Coordinates } from '../../binlog/coordinates.js';
import type { Config } from '../../config/schema.js';
import type { WaymarkError } from '../../util/errors.js';
import type { Diagnosis } from '../diagnosis.js';
import type { LagLook } from '../lag.js';
import type { Equal } from '../../shadow/shadow.js';
import type { Member } from '../../pool/members.js';
import type { ProbeOutcome } from '../../pool/probe.js';
import type { Switch, SwitchCause } from '../switch.js';
import { allReadable, type UnreadableContent } from '../unreadable-content.js';
import type { Search } from './contenders.js';

/** The whole state of a stream on this agent: its phase, and what is remembered. Plain data. */
export type StreamState = { readonly phase: Phase; readonly memory: Memory };

/** What a stream is doing. */
export type Phase =
  /** Another agent leads it, or none yet. Null: unknown. */
  | { readonly kind: 'standing-by'; readonly since: number; readonly leader: string | null }
  /** Nothing has been read yet. `led`: this agent leads it, and looks for the place to begin. */
  | { readonly kind: 'starting'; readonly led: boolean }
  | Reading
  /** The stream has ended. The servers are probed to find out why. */
  | ({ readonly kind: 'suspecting' } & Suspicion)
  /** The finding is made. The members to try are being chosen. */
  | { readonly kind: 'choosing'; readonly seek: Seek }
  /** Servers are being tried: who has the place, and proves it? */
  | { readonly kind: 'proving'; readonly seek: Seek; readonly search: Search }
  /** Nothing can be done now except trying again. */
  | ({ readonly kind: 'waiting' } & Waiting)
  /** The stream is ending, and everything open is being closed. */
  | { readonly kind: 'stopping'; readonly reason: string }
  /** It has ended. One of several streams that has failed is tried again. */
  | { readonly kind: 'halted'; readonly reason: string; readonly retry: Retry | null };

/** When a stream failed, in milliseconds since 1970, and how much later it is retried. */
export type Retry = { readonly since: number; readonly retryMs: number };

/** A server is read. */
export type Reading = {
  readonly kind: 'reading';
  readonly server: string;
  /** Milliseconds since 1970. */
  readonly since: number;
  /** Whether anything has come. */
  readonly heard: boolean;
  /** The loss before it. Null at a start. */
  readonly loss: Loss | null;
  /** Since when it is read, and what shows that the switch is over. Null if it is over, or if there was none. */
  readonly arriving: (Arrival & { readonly begin: Coordinates; readonly sinceMs: number | null }) | null;
};

/** What shows that the stream has arrived on its server: the first new record accepted, or nothing new to accept. */
export type Arrival = {
  /** Where the server's log ended when it was chosen. Null if unknown. */
  readonly logEnd: Coordinates | null;
  /** The stream's place at the last batch. Null before the first. */
  readonly at: Coordinates | null;
};

/** What keeps a stream waiting. */
export type Waiting =
  /** No server can be reached, or one has only just been reached again. All are probed once more. */
  | ({ readonly why: 'network' } & Suspicion)
  /** Streams have broken again and again without bringing anything. The agent pauses. */
  | {
      readonly why: 'pause';
      readonly lost: LostStream;
      readonly shown: Shown;
      readonly diagnosis: LossDiagnosis;
    }
  /** The stream can go on from no server now. They are tried again until it can. */
  | { readonly why: 'pool'; readonly seek: Seek; readonly search: Search };

/** A stream that has ended by itself, before the cause is known. */
type Suspicion = {
  readonly lost: LostStream;
  readonly shown: Shown;
  /** The pause before the next look, while no server can be reached. */
  readonly retryMs: number;
  /** Whether no server could be reached at the last look. */
  readonly wasIsolated: boolean;
};

/** What the status shows for a lost stream, and since when, in milliseconds since 1970. */
export type Shown = { readonly finding: SwitchCause; readonly since: number };

/** A finding, with the outcome of the server's own probe. */
export type LossDiagnosis = Diagnosis & { readonly probe: ProbeOutcome };

/** A stream that has ended by itself. */
export type LostStream = {
  readonly server: string;
  readonly error: WaymarkError;
  /** On the monotonic clock. */
  readonly lastHeardAtMs: number;
  /** What to do about unreadable content. Null if that isn't the cause. */
  readonly step: 'again' | 'elsewhere' | null;
  readonly stand: Stand;
};

/** How far the stream had come. */
export type Stand = {
  readonly coordinates: Coordinates;
  /** The last hint. Null if there was none. */
  readonly hint: { readonly token: string; readonly display: string } | null;
  /** Transactions delivered after it. */
  readonly sequence: number;
  /** Delivered changes of a transaction that was cut off. */
  readonly partialChanges: number;
};

/** A server that is no longer read, and why. */
export type Loss = {
  readonly server: string;
  readonly cause: SwitchCause;
  /** On the monotonic clock. */
  readonly lastHeardAtMs: number;
  /** When the finding was made. */
  readonly foundAtMs: number;
  /** The same in milliseconds since 1970. */
  readonly since: number;
};

/** What a search for a place starts from. */
export type Seek = {
  /** Null at a start. */
  readonly loss: Loss | null;
  /** The cause for the choice. */
  readonly cause: SwitchCause;
  /** The previous server. Null if there was none. */
  readonly from: string | null;
  /** Members whose logs can't be read at the stream's place, and why. */
  readonly unfit: ReadonlyMap<string, Error>;
  /** The stream that ended, if nobody has found out why. */
  readonly lost?: LostStream;
};

/** A switch away from a server whose stream runs. */
export type Move = {
  /** The operator's order. Null: the agent's own move. */
  readonly order: number | null;
  readonly cause: SwitchCause;
  readonly reasons: readonly string[];
  /** Null: any suitable member. */
  readonly target: string | null;
  /** `rehearsing`: the target must show that it can. `leaving`: reading ends. `left`: the stream is on its way. */
  readonly stage: 'rehearsing' | 'leaving' | 'left';
};

/** The server that is read lags behind its shadow: both are looked at again and again, until it is clear why. */
export type Lag = {
  readonly leadMs: number;
  /** When they are looked at next. Null: they are being looked at. */
  readonly lookAtMs: number | null;
  /** What the last look has shown. Null before the first. */
  readonly seen: LagLook | null;
  /** How often the server had gone on between two looks, while the lead grew. */
  readonly moves: number;
  /** The place in the source's log at which it stands, if the log says so already. */
  readonly said: string | null;
};

/** The part of a member that decisions use. */
export type PoolMember = Pick<Member, 'name' | 'priority' | 'avoided' | 'discovered'>;

/** The settings that decisions use. */
export type Settings = Pick<
  Config['failover'],
  'stalledAfterMs' | 'cooldownMs' | 'restartGraceMs' | 'failbackAfterMs'
> & {
  /** Whether another server is read beside the stream's, and for how long. */
  readonly shadow: Config['shadow'];
};

/** A server that is read beside the stream's. */
export type Beside = {
  readonly server: string;
  /** Since when its place is proved. Null if it isn't yet. */
  readonly provedAtMs: number | null;
  /** The member that takes its place as soon as its own place is proved. Null if it stays. */
  readonly next: string | null;
};

/** What is remembered from one phase to the next. */
export type Memory = {
  readonly pool: readonly PoolMember[];
  readonly settings: Settings;
  /** Since when servers have been healthy without a break, and their unique ids then. */
  readonly healthySince: ReadonlyMap<string, { readonly atMs: number; readonly uuid: string | null }>;
  /** When the stream was last lost at a server. */
  readonly lostAtMs: ReadonlyMap<string, number>;
  readonly switchedAtMs: number | null;
  /** Targets of refused moves ('': any member), with time and reason. */
  readonly refusals: ReadonlyMap<string, { readonly atMs: number; readonly reason: string }>;
  /** Why the stream doesn't go on from other servers, by server. */
  readonly obstacles: ReadonlyMap<string, string>;
  /** A digest of what was last logged about the current server. '' if nothing was. */
  readonly said: string;
  /** The server that this leadership has read last. */
  readonly lastRead: string | null;
  /** Streams that broke in a row without having brought anything. */
  readonly brokenInARow: number;
  readonly unreadable: UnreadableContent;
  /** The current move. */
  readonly move: Move | null;
  /** The server that is read beside the stream's. Null if there is none. */
  readonly shadow: Beside | null;
  /** What is found out about the lead of the shadow. Null: it isn't too long. */
  readonly lag: Lag | null;
  /** When servers couldn't be read beside the stream's any more. */
  readonly shadowFailedAtMs: ReadonlyMap<string, number>;
  /** The last time that servers were held against what was delivered, and nothing differed. */
  readonly equal: ReadonlyMap<string, Equal>;
  /** It has failed, and has not been read since. */
  readonly failed: { readonly reason: string; readonly retry: Retry } | null;
  /** Newest last. */
  readonly switches: readonly Switch[];
};

const nothingRemembered: Omit<Memory, 'settings'> = {
  pool: [],
  healthySince: new Map(),
  lostAtMs: new Map(),
  switchedAtMs: null,
  refusals: new Map(),
  obstacles: new Map(),
  said: '',
  lastRead: null,
  brokenInARow: 0,
  unreadable: allReadable,
  move: null,
  shadow: null,
  lag: null,
  shadowFailedAtMs: new Map(),
  equal: new Map(),
  failed: null,
  switches: [],
};

/** A stream before anything has happened. */
export function initialState(settings: Settings): StreamState {
  return { phase: { kind: 'starting', led: false }, memory: { ...nothingRemembered, settings } };
}

/** Drops what doesn't survive when the pool is watched anew. Pure. */
export function watchedAnew(memory: Memory): Memory {
  const { healthySince, lostAtMs, switchedAtMs, refusals, equal } = nothingRemembered;
  return { ...memory, healthySince, lostAtMs, switchedAtMs, refusals, equal };
}

/** Drops what doesn't survive the beginning or end of a leadership. Pure. */
export function ledAnew(memory: Memory): Memory {
  const { obstacles, said, lastRead, brokenInARow, unreadable, move } = nothingRemembered;
  const { shadow, lag, shadowFailedAtMs } = nothingRemembered;
  const known = { ...memory, obstacles, said, lastRead, brokenInARow, unreadable, move };
  return { ...known, shadow, lag, shadowFailedAtMs };
}

/** Whether a server was lost and no other is read yet. False at a start. Pure. */
export function isLost(phase: Phase): boolean {
  switch (phase.kind) {
    case 'suspecting':
      return true;
    case 'choosing':
    case 'proving':
      return phase.seek.loss !== null;
    case 'waiting':
      return phase.why !== 'pool' || phase.seek.loss !== null;
    case 'standing-by':
    case 'starting':
    case 'reading':
    case 'stopping':
    case 'halted':
      return false;
  }
}

/** Whether this agent leads the stream, or is ending its lead. Pure. */
export function isLed(phase: Phase): boolean {
  switch (phase.kind) {
    case 'starting':
      return phase.led;
    case 'reading':
    case 'suspecting':
    case 'choosing':
    case 'proving':
    case 'waiting':
    case 'stopping':
      return true;
    case 'standing-by':
    case 'halted':
      return false;
  }
}
