import { type Decision, decide, remember } from './decision.js';
import { closed, finish, halted } from './end.js';
import type { EventOf, StreamEvent } from './event.js';
import { judged } from './judgement.js';
import { compared } from './lag.js';
import * as log from './log-lines.js';
import { looked, streamEnded, streamLeft, waitIsOver } from './lost-stream.js';
import { notRehearsed, ordered, rehearsed } from './move.js';
import { batchCame, begun, placed } from './reading.js';
import { answered, patienceIsOver, resumed, searchAnew, surveyed } from './next-server.js';
import { fellSilent, shadowBegan, shadowEnded } from './shadow.js';
import { ledAnew, type StreamState, watchedAnew } from './state.js';

/**
 * The next state of a stream, and the actions. Pure: the driver has the clocks, the servers and the log
 * (src/failover/driver.ts). An event that doesn't belong to the phase changes nothing: it comes from something that
 * has ended since.
 */
export function transition(state: StreamState, event: StreamEvent): Decision {
  switch (event.type) {
    case 'watched':
      return decide({ ...state, memory: watchedAnew(state.memory) });
    case 'stood-by':
      return stoodBy(state, event);
    case 'led':
      return decide({ phase: { kind: 'starting', led: true }, memory: ledAnew(state.memory) });
    case 'resumed':
      return resumed(state, event);
    case 'placed':
      return placed(state, event);
    case 'begun':
      return begun(state, event);
    case 'batch':
      return batchCame(state, event);
    case 'tick':
      return judged(state, event);
    case 'stream-ended':
      return streamEnded(state, event);
    case 'stream-left':
      return streamLeft(state, event);
    case 'looked':
      return looked(state, event);
    case 'woken':
      return state.phase.kind === 'waiting' ? waitIsOver(state, event) : patienceIsOver(state);
    case 'surveyed':
      return surveyed(state, event);
    case 'behind':
    case 'proved':
    case 'not-proved':
      return answered(state, event);
    case 'ordered':
      return ordered(state, event);
    case 'rehearsed':
      return rehearsed(state);
    case 'not-rehearsed':
      return notRehearsed(state, event);
    case 'shadow-began':
      return shadowBegan(state, event);
    case 'shadow-ended':
      return shadowEnded(state, event);
    case 'shadow-differs':
      return decide(state, log.diverged(event.report));
    case 'silent-beside':
      return fellSilent(state, event);
    case 'led-by-shadow':
    case 'looked-beside':
      return compared(state, event);
    case 'configured':
      return configured(state, event);
    case 'ended':
      return finish(state, event.error);
    case 'closed':
      return closed(state, event);
    case 'halted':
      return halted(state, event);
  }
}

function stoodBy(state: StreamState, { since, leader }: EventOf<'stood-by'>): Decision {
  const memory = { ...state.memory, failed: null };
  return decide({ phase: { kind: 'standing-by', since, leader }, memory });
}

/** A search begins anew, because an added member may be able to go on. */
function configured(state: StreamState, { pool, settings }: EventOf<'configured'>): Decision {
  return searchAnew(remember(state, { pool, settings }));
}
