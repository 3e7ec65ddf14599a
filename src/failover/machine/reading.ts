import { type Coordinates, formatCoordinates } from '../../binlog/coordinates.js';
import type { DeliveredBatch } from '../../tail/deliveries.js';
import { comparePlaces } from '../../pool/source-progress.js';
import { reportOf, type Switch, type Timeline } from '../switch.js';
import type { Action } from './action.js';
import { type Decision, decide, enter, remember } from './decision.js';
import type { EventOf, Placed } from './event.js';
import * as log from './log-lines.js';
import type { Arrival, Loss, Memory, Phase, Reading, StreamState } from './state.js';

/** How many of the last switches are kept. */
const keptSwitches = 20;

/** A place is ready. Reading begins there. Pure. */
export function placed(state: StreamState, { place, atMs, wallMs }: EventOf<'placed'>): Decision {
  const { phase, memory } = state;
  if (phase.kind === 'stopping') return decide(state);
  const { server } = place;
  const loss = lossOf(phase);
  const change = switchOf(place, loss, atMs, wallMs);
  const isElsewhere = memory.lastRead !== null && memory.lastRead !== server;
  const remembered: Memory = {
    ...memory,
    // What was logged concerned another server.
    ...(isElsewhere ? { switchedAtMs: atMs, said: '' } : {}),
    lastRead: server,
    obstacles: new Map(),
    failed: null,
    shadow: null,
    lag: null,
    switches: [...memory.switches, change].slice(-keptSwitches),
  };
  const { coordinates, logEnd } = place;
  const arriving = loss && { logEnd, at: null, begin: coordinates, sinceMs: null };
  const counted: Action[] = loss === null ? [] : [{ do: 'count-switch', change }];
  return decide(
    {
      phase: { kind: 'reading', server, since: wallMs, heard: false, loss, arriving },
      memory: remembered,
    },
    ...counted,
    ...log.placed(place),
    { do: 'read', save: loss === null ? 'start' : 'switch' },
  );
}

function lossOf(phase: Phase): Loss | null {
  if (phase.kind === 'proving' || phase.kind === 'choosing') return phase.seek.loss;
  return phase.kind === 'waiting' && phase.why === 'pool' ? phase.seek.loss : null;
}

/** The switch that this beginning makes. */
function switchOf(place: Placed, loss: Loss | null, atMs: number, wallMs: number): Switch {
  const { server, coordinates, confidence, hint, gtid, matched } = place;
  return {
    from: loss?.server ?? null,
    to: server,
    finding: loss?.cause ?? (confidence === null ? 'start' : 'restart'),
    confidence,
    hint,
    gtid,
    coordinates,
    skipped: matched,
    blackoutMs: null,
    timeline: loss && timelineOf(place, loss, atMs),
    at: wallMs,
  };
}

function timelineOf({ took }: Placed, { lastHeardAtMs, foundAtMs }: Loss, atMs: number): Timeline {
  const { locateMs, verifyMs } = took ?? { locateMs: 0, verifyMs: 0 };
  const searchMs = Math.round(atMs - foundAtMs);
  return {
    detectMs: Math.round(foundAtMs - lastHeardAtMs),
    chooseMs: Math.max(searchMs - locateMs - verifyMs, 0),
    locateMs,
    verifyMs,
    firstRecordMs: null,
  };
}

/** Reading begins. The stream is level at once if the server's log ended there. Pure. */
export function begun(state: StreamState, { atMs }: EventOf<'begun'>): Decision {
  const { phase } = state;
  if (phase.kind !== 'reading' || phase.arriving === null) return decide(state);
  const arriving = { ...phase.arriving, sinceMs: atMs };
  const reading = { ...phase, arriving };
  return isLevel(arriving.logEnd, arriving.begin)
    ? arrived(state, reading, atMs)
    : decide(enter(state, reading));
}

/** A batch has come. Pure. */
export function batchCame(state: StreamState, batch: EventOf<'batch'>): Decision {
  const { phase, memory } = state;
  if (phase.kind !== 'reading') return decide(state);
  // A server that breaks off at the same event each time still sends what comes before it.
  const hasBrought = batch.records > 0 || batch.hints > 0;
  const next = hasBrought && memory.brokenInARow > 0 ? remember(state, { brokenInARow: 0 }) : state;
  const { arriving } = phase;
  if (arriving === null) return decide(phase.heard ? next : enter(next, { ...phase, heard: true }));
  const reading = { ...phase, heard: true };
  if (hasArrived(arriving, batch)) return arrived(next, reading, batch.atMs);
  return decide(enter(next, { ...reading, arriving: { ...arriving, at: batch.position } }));
}

/** The switch is over. */
function arrived(state: StreamState, reading: Reading, atMs: number): Decision {
  const { loss, arriving } = reading;
  const { move, switches } = state.memory;
  const last = switches.at(-1);
  const there = enter(state, { ...reading, arriving: null });
  if (loss === null || last === undefined) return decide(there);
  const blackoutMs = Math.round(atMs - loss.lastHeardAtMs);
  const firstRecordMs = Math.round(atMs - (arriving?.sinceMs ?? atMs));
  const timeline = last.timeline && { ...last.timeline, firstRecordMs };
  const change = { ...last, blackoutMs, timeline };
  const isMoved = move?.stage === 'left';
  const answers: Action[] =
    isMoved && move.order !== null
      ? [{ do: 'answer', order: move.order, outcome: reportOf(change, blackoutMs) }]
      : [];
  return decide(
    remember(there, {
      switches: [...switches.slice(0, -1), change],
      ...(isMoved ? { move: null } : {}),
    }),
    { do: 'count-blackout', blackoutMs },
    log.arrived(change, loss, blackoutMs),
    ...answers,
  );
}

/** Whether the stream has arrived with this batch. Pure. */
export function hasArrived({ logEnd, at }: Arrival, { records, position }: DeliveredBatch): boolean {
  // A batch without progress is a heartbeat. A server sends it when it has nothing more.
  const isIdle = logEnd === null && at !== null && formatCoordinates(position) === formatCoordinates(at);
  return records > 0 || isIdle || isLevel(logEnd, position);
}

/** Whether reading is at the end of the log, or past it: a batch may continue into the next file. Pure. */
export function isLevel(logEnd: Coordinates | null, position: Coordinates): boolean {
  if (logEnd === null) return false;
  return (comparePlaces(formatCoordinates(position), formatCoordinates(logEnd)) ?? -1) >= 0;
}
