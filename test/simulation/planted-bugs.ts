/** A bug that is put into the code on purpose: the simulator must find it. */
export type PlantedBug = {
  readonly name: string;
  /** Below `src`. */
  readonly file: string;
  /** What stands there once, and what stands in its place. */
  readonly code: string;
  readonly bug: string;
};

/** One for each promise that the simulator judges. */
export const plantedBugs: readonly PlantedBug[] = [
  {
    name: 'a switch passes over what is new as well',
    file: 'tail/transaction-stream.ts',
    code: 'if (this.#skip.size > 0 && this.#skip.has(formatCoordinates(open.start))) {',
    bug: 'if (this.#skip.size > 0) {',
  },
  {
    name: 'a switch delivers again what comes later there',
    file: 'matching/trail-match.ts',
    code: '        this.#skip.push({ start: step.start, identity });\n',
    bug: '',
  },
  {
    name: 'the progress does not wait for the sink',
    file: 'tail/deliveries.ts',
    code: 'if (batch.count > 0) await sink.deliver(batch, sinkSignal);',
    bug: 'if (batch.count > 0) sink.deliver(batch, sinkSignal).catch(() => undefined);',
  },
  {
    name: 'the file is written without asking whether it was taken over',
    file: 'util/process-lock.ts',
    code: 'if (!entered) throw await takenOver(path, mine, subject, fencing);',
    bug: '',
  },
  {
    name: 'what was rolled back is delivered',
    file: 'transactions/held-groups.ts',
    code: 'this.#events.remove(group.at + 1, this.#events.length - 1);',
    bug: '',
  },
  {
    name: 'what stands behind a savepoint is delivered',
    file: 'transactions/held-groups.ts',
    code: 'this.#events.remove(group.at + 1 + mark.listed);',
    bug: '',
  },
  {
    name: 'errant transactions are delivered',
    file: 'pool/own-transactions.ts',
    code: "  if (unknown.length === 0) return 'errant';\n",
    bug: "  if (unknown.length === 0) return 'history';\n",
  },
  {
    name: 'what a replica wrote as the source is left out',
    file: 'pool/own-transactions.ts',
    code: "if (isCircle || upstream.some((state) => state.lists(gtid))) return 'history';",
    bug: "if (isCircle) return 'history';",
  },
  {
    name: 'a half-open connection is never left',
    file: 'dump/dump-stream.ts',
    code: 'const defaultSilenceMs = 2000;',
    bug: 'const defaultSilenceMs = 2_000_000;',
  },
  {
    name: 'what the sink has beyond the checkpoint is forgotten',
    file: 'resume/recovered.ts',
    code: 'return [...entries, ...entriesOf(recovery.delivered, hint, checkpoint.coordinates)];',
    bug: 'return entries;',
  },
  {
    name: 'numbers begin again where the checkpoint was',
    file: 'resume/recovered.ts',
    code: 'if (last !== undefined) return numberingOf(last);',
    bug: 'void last;',
  },
  {
    name: 'statements between the checkpoint and the end of the records change no layout',
    file: 'resume/first-place.ts',
    code: 'await catchUp(options, stored.checkpoint, source, signal);',
    bug: '',
  },
  {
    name: 'a lease never ends by our own clock',
    file: 'election/lease-state.ts',
    code: "if (state.phase === 'leading' && now >= state.until) return { phase: 'over', why: 'expired' };",
    bug: '',
  },
  {
    name: 'the format of the log is forgotten when a shadow is handed over',
    file: 'dump/kept-dump.ts',
    code: 'if (this.#format !== null) yield this.#formatAt(this.#format, place);',
    bug: '',
  },
  {
    name: 'what a shadow is waiting for when it is handed over is lost',
    file: 'dump/kept-dump.ts',
    code: '      this.#keep(value);\n',
    bug: '      if (!this.#isHandedOver) this.#keep(value);\n',
  },
  {
    name: 'the place of a shadow passes over what was not delivered',
    file: 'shadow/pair-ledger.ts',
    code: '      if (!isDone && !isLeftOut) return;\n',
    bug: "      if (!isDone && !isLeftOut && step.kind === 'hint') return;\n",
  },
  {
    name: 'the stream goes over to a shadow that lacks what was delivered',
    file: 'shadow/pair-ledger.ts',
    code: 'if (this.#doubt !== null || this.#due.size > 0 || this.#isUnsettled) return null;',
    bug: 'if (this.#doubt !== null || this.#isUnsettled) return null;',
  },
  {
    name: 'another order counts as a difference',
    file: 'shadow/pair-ledger.ts',
    code: 'this.#settleBefore(part, dueAt - this.#tolerance, aheadAt - this.#tolerance);',
    bug: 'this.#settleBefore(part, dueAt, aheadAt);',
  },
  {
    name: 'while the next shadow is being proved, the present one misses what is delivered',
    file: 'matching/trail-keeper.ts',
    code: 'this.#followers = [...this.#followers, follower];',
    bug: 'this.#followers = [follower];',
  },
  {
    name: 'a transaction that takes long is taken for a lag',
    file: 'failover/lag.ts',
    code: '  return executedAll\n',
    bug: '  return executedAll || executed !== null\n',
  },
  {
    name: 'a GTID counts as delivered when its transaction begins',
    file: 'tail/transaction-stream.ts',
    code: "    const byGtid = this.#options.progress.anchors === 'gtid';\n",
    bug: "    const byGtid = this.#options.progress.anchors === 'gtid';\n    this.#options.progress.delivered?.add(open.gtid);\n",
  },
  {
    name: 'by GTIDs, reading begins one file too late',
    file: 'matching/locate-gtid.ts',
    code: 'const index = Math.max((last ?? 0) - filesEarlier, 0);',
    bug: 'const index = Math.min((last ?? 0) + 1, files.length - 1);',
  },
];
