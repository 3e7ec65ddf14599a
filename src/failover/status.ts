import { formatCoordinates, parseCoordinates } from '../binlog/coordinates.js';
import { hintSeconds } from '../hints/next-hint.js';
import type { AnchorKind } from '../matching/trail.js';
import type { Confidence } from '../matching/match-state.js';
import type { BinaryLog } from '../mysql/server-facts.js';
import type { LeaseView } from '../injection/injector-watch.js';
import type { SinkActivity } from '../sinks/watched-sink.js';
import type { ShadowView } from '../shadow/shadow.js';
import type { Progress } from '../tail/progress.js';
import { countOf, formatDuration, formatSeconds } from '../util/quantities.js';
import { bytesBetween } from '../pool/log-sizes.js';
import type { MemberView } from './member-view.js';
import type { AgentPhase, AgentState } from './machine/shown-state.js';
import type { Switch, SwitchCause } from './switch.js';

/** A view of a stream, for people and probes. Plain JSON. */
export type AgentStatus = {
  readonly stream: string;
  readonly healthy: boolean;
  /** Why it isn't healthy. Null if it is. */
  readonly unhealthyBecause: string | null;
  /** Whether the stream reads from a server. */
  readonly ready: boolean;
  readonly notReadyBecause: string | null;
  readonly phase: AgentPhase;
  /** Fencing token of our leadership, 0 without an election. Null if this agent doesn't lead the stream. */
  readonly token: number | null;
  /** The server that is read, or was last. */
  readonly server: string | null;
  /** The finding for that server, or the cause for leaving it. */
  readonly finding: SwitchCause | null;
  /** Right after what has been delivered. */
  readonly coordinates: string | null;
  /** What places are found by on other servers. */
  readonly anchors: AnchorKind;
  /** The last hint. Null if there was none, or if GTIDs anchor the stream. */
  readonly hint: string | null;
  /** By the hint's own time. Null if it has none. */
  readonly hintAgeSeconds: number | null;
  /** Transactions since that hint. */
  readonly sequence: number;
  /** Whether another server could be matched if this one were lost. */
  readonly canSwitch: boolean;
  /** Of the last match. Null if there was none. */
  readonly confidence: Confidence | null;
  readonly lag: Lag;
  readonly records: number;
  readonly transactions: number;
  readonly bytes: number;
  readonly passedOver: number;
  readonly errant: number;
  readonly trail: { readonly hints: number; readonly transactions: number };
  /** The server that is read beside the stream's. Null if there is none. */
  readonly shadow: ShadowView | null;
  /** Time since the server last sent anything, heartbeats included. Null before the first bytes. */
  readonly silentMs: number | null;
  readonly checkpoint: CheckpointStatus;
  readonly sink: SinkStatus;
  readonly injector: InjectorStatus;
  readonly members: readonly MemberView[];
  /** Newest last. */
  readonly switches: readonly Switch[];
};

/** How far the delivered stream is behind. Null if unknown. */
type Lag = {
  /** Behind the source. */
  readonly seconds: number | null;
  /** Of the log of the server that is read. */
  readonly bytes: number | null;
};

type CheckpointStatus = {
  /** ISO 8601; null before the first. */
  readonly savedAt: string | null;
  readonly ageSeconds: number | null;
  readonly failures: number;
  /** How many of the trail's oldest entries it had no room for. */
  readonly droppedEntries: number;
  /** Since when it can't be saved, and why. Null if it can. */
  readonly failing: { readonly seconds: number; readonly reason: string } | null;
};

type SinkStatus = {
  /** Records that it was handed and hasn't accepted yet. */
  readonly backlog: number;
  /** For how long it has worked on them. Null if it waits for more. */
  readonly busyMs: number | null;
  /** What blocks it while it tries again, in words. Null if nothing does. */
  readonly trouble: string | null;
};

/** Who injects hints, as far as this agent can know. */
type InjectorStatus = {
  /** The lease of `waymark inject --pool`. Null if there is no election, or if it can't be asked now. */
  readonly lease: LeaseView | null;
  /** Where the last delivered hint was injected. Null if that isn't known, or isn't a watched server. */
  readonly server: string | null;
  /** The server_id of that server. Null if no hint has come. */
  readonly serverId: number | null;
};

/** What the view is made of. */
export type StatusSources = {
  readonly stream: string;
  readonly token: number | null;
  readonly state: AgentState;
  readonly progress: Progress;
  readonly members: readonly MemberView[];
  readonly shadow: ShadowView | null;
  /** The log files of servers, where they are known. */
  readonly logs: { of(server: string): readonly BinaryLog[] };
  readonly checkpoint: {
    readonly savedAt: number | null;
    readonly failures: number;
    readonly droppedEntries: number;
    readonly failing: { readonly sinceMs: number; readonly reason: string } | null;
  };
  readonly sink: SinkActivity;
  /** The lease of the stream's injectors. Null if it isn't known. */
  readonly injectors: LeaseView | null;
  /** The monotonic clock, and milliseconds since 1970. */
  readonly now: { readonly monotonicMs: number; readonly wallMs: number };
};

/** Heartbeats come every half second. A stream that has not moved for this long is stuck, whatever the cause. */
const stuckAfterMs = 10_000;

/** A store may be unavailable for a moment. If it takes longer, an agent that dies would begin far back. */
const failingAfterMs = 30_000;

/** Makes the view. Pure. */
export function statusOf(sources: StatusSources): AgentStatus {
  const { stream, state, progress, members, now } = sources;
  const { lastHint } = progress.keeper;
  const server = serverOf(state);
  const member = members.find((view) => view.server === server);
  const since = (monotonicMs: number): number => Math.round(now.monotonicMs - monotonicMs);
  const silentMs = progress.lastHeardAtMs === null ? null : since(progress.lastHeardAtMs);
  const sink = {
    backlog: sources.sink.backlog,
    busyMs: sources.sink.busySinceMs === null ? null : since(sources.sink.busySinceMs),
    trouble: sources.sink.trouble,
  };
  const checkpoint = checkpointStatus(sources);
  const notReadyBecause = unreadiness(state.phase);
  const unhealthyBecause = notReadyBecause ?? illness(server ?? '', member, { silentMs, sink, checkpoint });
  const hintSecond = lastHint && hintSeconds(lastHint);
  return {
    stream,
    healthy: unhealthyBecause === null,
    unhealthyBecause,
    ready: notReadyBecause === null,
    notReadyBecause,
    phase: state.phase,
    token: sources.token,
    server,
    finding: findingOf(state.phase, member),
    coordinates: progress.coordinates.file === '' ? null : formatCoordinates(progress.coordinates),
    anchors: progress.anchors,
    hint: lastHint?.token ?? null,
    hintAgeSeconds: hintSecond === null ? null : secondsSince(hintSecond, now.wallMs),
    sequence: progress.keeper.sequence,
    canSwitch: progress.keeper.anchorCount > 0,
    confidence: state.switches.findLast((change) => change.confidence !== null)?.confidence ?? null,
    lag: lagOf(sources, member),
    records: progress.records,
    transactions: progress.transactions,
    bytes: progress.bytes,
    passedOver: progress.passedOver,
    errant: progress.errant,
    trail: {
      hints: progress.anchors === 'hint' ? progress.keeper.anchorCount : 0,
      transactions: progress.keeper.transactionCount,
    },
    shadow: sources.shadow,
    silentMs,
    checkpoint,
    sink,
    injector: injectorOf(sources),
    members,
    switches: state.switches,
  };
}

function injectorOf({ injectors, progress, members }: StatusSources): InjectorStatus {
  const serverId = progress.sourceServerId;
  const at = members.find(({ evidence }) => evidence !== null && evidence.serverId === serverId);
  return { lease: injectors, server: at?.server ?? null, serverId };
}

function serverOf({ phase, switches }: AgentState): string | null {
  switch (phase.kind) {
    case 'streaming':
      return phase.server;
    case 'searching':
      return phase.lost;
    case 'failed':
    case 'stopped':
      return switches.at(-1)?.to ?? null;
    case 'starting':
    case 'standby':
      return null;
  }
}

function findingOf(phase: AgentPhase, member: MemberView | undefined): SwitchCause | null {
  return phase.kind === 'searching' ? phase.finding : (member?.finding ?? null);
}

function unreadiness(phase: AgentPhase): string | null {
  switch (phase.kind) {
    case 'starting':
      return 'the stream has not begun';
    case 'searching':
      return `the stream from ${phase.lost} has ended (${phase.finding}), and no place to go on has been found yet`;
    case 'stopped':
      return `the stream has stopped: ${phase.reason}`;
    case 'failed':
      return `the stream has failed, and is tried again ${formatDuration(phase.retryMs)} later: ${phase.reason}`;
    case 'standby':
    case 'streaming':
      return null;
  }
}

/** What is wrong with a stream that is being read. A sink that doesn't accept makes the server look silent. */
function illness(
  server: string,
  member: MemberView | undefined,
  { silentMs, sink, checkpoint }: Pick<AgentStatus, 'silentMs' | 'sink' | 'checkpoint'>,
): string | null {
  if (sink.trouble !== null) return `the sink can't go on: ${sink.trouble}`;
  if (sink.busyMs !== null && sink.busyMs > stuckAfterMs) {
    return `the sink has not accepted ${countOf(sink.backlog, 'record')} for ${formatDuration(sink.busyMs)}`;
  }
  if (silentMs !== null && silentMs > stuckAfterMs) {
    return `nothing has been read from ${server} for ${formatDuration(silentMs)}`;
  }
  if (member && member.finding !== 'healthy') {
    const why = member.reasons.length === 0 ? '' : `: ${member.reasons.join('; ')}`;
    return `${server} is ${member.finding}${why}`;
  }
  if (checkpoint.failing !== null && checkpoint.failing.seconds * 1000 > failingAfterMs) {
    const { seconds, reason } = checkpoint.failing;
    return `the checkpoint could not be saved for ${formatSeconds(seconds)}: ${reason}`;
  }
  return null;
}

function checkpointStatus({ checkpoint, now }: StatusSources): CheckpointStatus {
  const { savedAt, failures, droppedEntries, failing } = checkpoint;
  return {
    savedAt: savedAt === null ? null : new Date(savedAt).toISOString(),
    ageSeconds: savedAt === null ? null : Math.max(0, wholeSeconds(now.wallMs - savedAt)),
    failures,
    droppedEntries,
    failing: failing && { seconds: wholeSeconds(now.monotonicMs - failing.sinceMs), reason: failing.reason },
  };
}

/**
 * If everything that the server has is delivered, the stream lags as much as the server does. Else its lag is the age
 * of the last transaction that it met. Because of hints, one comes every few seconds.
 */
function lagOf({ progress, logs, now }: StatusSources, member: MemberView | undefined): Lag {
  const evidence = member?.evidence ?? null;
  const end = evidence?.coordinates ?? null;
  const bytes =
    member === undefined || end === null || progress.coordinates.file === ''
      ? null
      : bytesBetween(progress.coordinates, parseCoordinates(end), logs.of(member.server));
  if (bytes === 0) return { bytes, seconds: evidence?.replication ? evidence.replication.lagSeconds : 0 };
  return {
    bytes,
    seconds: progress.lastSecond === null ? null : secondsSince(progress.lastSecond, now.wallMs),
  };
}

function secondsSince(second: number, wallMs: number): number {
  return Math.max(0, wholeSeconds(wallMs - second * 1000));
}

function wholeSeconds(ms: number): number {
  return Math.round(ms / 1000);
}
