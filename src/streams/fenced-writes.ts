import type { CheckpointStore } from '../checkpoint/checkpoint.js';
import type { Leadership } from '../election/election.js';
import type { Sink } from '../sinks/sink.js';
import { untilAborted } from '../util/abortable.js';

/**
 * Returns the store as a leader writes to it. Each record carries the token, and no write begins after the leadership
 * has ended. If a write is already on its way then, the store itself refuses it once another agent has taken over.
 */
export function fencedStore(store: CheckpointStore, leadership: Leadership): CheckpointStore {
  return {
    location: store.location,
    get droppedEntries() {
      return store.droppedEntries;
    },
    open: (signal) => store.open(signal),
    load: (signal) => store.load(signal),
    async save(checkpoint, expected, signal) {
      leadership.assertHeld();
      return store.save({ ...checkpoint, fencingToken: leadership.token }, expected, signal);
    },
    layoutsLocation: store.layoutsLocation,
    loadLayouts: (signal) => store.loadLayouts(signal),
    async saveLayouts(record, _fencingToken, signal) {
      leadership.assertHeld();
      return store.saveLayouts(record, leadership.token, signal);
    },
    holderNote: store.holderNote,
    close: () => store.close(),
  };
}

/**
 * Returns the sink as a leader writes to it. Each batch carries the token, and no batch begins after the leadership has
 * ended.
 */
export function fencedSink(sink: Sink, leadership: Leadership, stream: string): Sink {
  const fencing = leadership.token === 0 ? undefined : { stream, token: leadership.token };
  return {
    async open(acknowledged, signal) {
      leadership.assertHeld();
      return sink.open(acknowledged, signal, fencing);
    },
    async deliver(batch, signal) {
      leadership.assertHeld();
      return sink.deliver(batch, signal, fencing);
    },
    async flush(signal) {
      leadership.assertHeld();
      return sink.flush(signal);
    },
    saved: (position) => sink.saved?.(position),
    watch: (signal) => sink.watch?.(signal) ?? untilAborted(signal),
    close: () => sink.close(),
  };
}
