import type { EventBatch } from '../binlog/event.js';
import type { Coordinates } from '../binlog/coordinates.js';
import { formatAddress } from '../config/address.js';
import { readDump } from '../dump/dump-stream.js';
import { KeptDump } from '../dump/kept-dump.js';
import { newPulse } from '../dump/pulse.js';
import type { GtidState } from '../gtids/gtid-state.js';
import { readHistory } from '../matching/history.js';
import type { Confidence } from '../matching/match-state.js';
import type { TrailKeeper } from '../matching/trail-keeper.js';
import type { TrailEntry } from '../matching/trail.js';
import { type Inspection, isReplica } from '../mysql/inspect.js';
import type { Member } from '../pool/members.js';
import { type CandidateOptions, type OpenDump, type Place, tryCandidate } from '../resume/candidate.js';
import { standsInOrder } from '../resume/reading-place.js';
import { reasonOf, sleep } from '../util/async.js';
import { epochMs } from '../util/clock.js';
import { WaymarkError } from '../util/errors.js';
import { LagComparison } from './lag-comparison.js';
import { type Difference, PairLedger } from './pair-ledger.js';
import { whetherToRead } from './room.js';

/** How often a server that is read beside another one sends a heartbeat when it is idle. */
export const besideHeartbeatMs = 100;

/** How long to wait for room in the buffer before looking again. */
const roomPollMs = 20;

/** A shadow that lacks more than so many transactions is too far behind to be of use. */
const mostBehind = 200_000;

/** What a shadow is read with. */
export type ShadowOptions = {
  readonly member: Member;
  /** How its first place is proved. The history must be of this moment. */
  readonly candidate: CandidateOptions;
  /** The trail of the stream, which is followed from this moment on. */
  readonly keeper: TrailKeeper;
  /** Everything that has been delivered, by GTID. Null if that isn't known. */
  readonly delivered: () => GtidState | null;
  /** Asks MariaDB for the texts of the statements that changed rows. */
  readonly annotations: boolean;
  readonly serverId: number;
  /** How many bytes that weren't delivered are kept. */
  readonly bufferBytes: number;
  /** Is told what one of the two servers has, and the other one lacks or has otherwise. */
  readonly onDifferences: (found: readonly Difference[]) => void;
  /** Whether the stream is waiting for its server. */
  readonly isStreamWaiting: () => boolean;
};

/** What was delivered, and where it begins on the server that it was read from. */
type Followed = { readonly entry: TrailEntry; readonly start: Coordinates | null };

/** How a shadow stands beside the stream. */
export type ShadowView = {
  readonly server: string;
  /** Transactions and hints that it has and the stream doesn't. */
  readonly ahead: number;
  /** Transactions and hints that the stream has and it doesn't. */
  readonly behind: number;
  /** Those that both have shown. */
  readonly met: number;
  /** Whether the two have differed so lately that the stream doesn't go over to it at once. */
  readonly inDoubt: boolean;
  readonly bufferedBytes: number;
};

/** What a server has shown: it was held against what was delivered, and nothing differed. Plain JSON. */
export type Equal = {
  /** Milliseconds since 1970. */
  readonly since: number;
  /** When it last had everything that was delivered, in milliseconds since 1970. */
  readonly until: number;
  /** How many transactions were the same, hints included. */
  readonly transactions: number;
};

/** The shadow and what was delivered have differed so lately that no place there is proved. */
class ShadowDiffers extends Error {
  override readonly name = 'ShadowDiffers';
}

function farBehind(server: string): WaymarkError {
  return new WaymarkError(
    'server-behind',
    `${server} lacks more than ${mostBehind} transactions that were delivered`,
  );
}

/** From the strongest to the weakest. */
const confidences: readonly Confidence[] = ['exact', 'reordered', 'shape', 'unverified'];

function weakerConfidence(a: Confidence, b: Confidence): Confidence {
  return confidences.indexOf(a) > confidences.indexOf(b) ? a : b;
}

/**
 * A server that is read beside the one that the stream is read from: identities alone, each held against what was
 * delivered. What it has ahead is kept as raw events. So the stream can go on there at once.
 */
export class Shadow implements OpenDump {
  readonly pulse = newPulse();
  /** Compares the stream's server with it. */
  readonly lag = new LagComparison();
  readonly #options: ShadowOptions;
  readonly #place: Place;
  readonly #ledger: PairLedger;
  readonly #dump: KeptDump;
  readonly #unfollow: () => void;
  readonly #ending: AbortController;
  #isTakenOver = false;
  /** Null: it has never had everything that was delivered. */
  #equal: Equal | null = null;
  /** Since when nothing has differed, and how much both had shown by then. */
  #since = epochMs();
  #metBefore = 0;
  /** Whether it waits for room, so that nothing is read. */
  #isFull = false;
  readonly #detach: () => void;
  #wake: (() => void)[] = [];

  private constructor(
    options: ShadowOptions,
    place: Place,
    { ending, detach }: { readonly ending: AbortController; readonly detach: () => void },
    entries: readonly Followed[],
  ) {
    const { candidate, keeper, delivered, member } = options;
    const { resume } = place.resumption;
    const { anchors } = candidate.history;
    this.#options = options;
    this.#place = place;
    this.#ending = ending;
    this.#detach = detach;
    this.#ledger = new PairLedger({
      resume,
      anchors,
      ordered: candidate.history.ordered && standsInOrder({ inspection: place.inspection, resume }, anchors),
      margin: candidate.margin,
      wasDelivered: (gtid) => {
        if (delivered()?.has(gtid) !== true) return false;
        // MariaDB's last numbers don't tell whether a number was given twice. The log's order does.
        return gtid.includes(':') ? true : null;
      },
    });
    for (const { entry, start } of entries) this.#ledger.delivered(entry, start);
    this.#unfollow = keeper.follow((entry, start) => {
      this.#ledger.delivered(entry, start);
      this.#tell();
    });
    const dump = readDump({
      instance: member.instance,
      start: resume.coordinates,
      signal: ending.signal,
      annotations: options.annotations,
      verifyChecksums: true,
      heartbeatMs: besideHeartbeatMs,
      pulse: this.pulse,
      serverId: options.serverId,
    });
    this.#dump = new KeptDump(dump, resume.coordinates, formatAddress(member.instance.address));
  }

  /**
   * Proves a place on the member, and opens the shadow there. It ends with the signal.
   * @throws what tryCandidate throws.
   */
  static async begin(options: ShadowOptions, signal: AbortSignal): Promise<Shadow> {
    const entries: Followed[] = [];
    const unfollow = options.keeper.follow((entry, start) => {
      if (entries.length <= mostBehind) entries.push({ entry, start });
    });
    try {
      const place = await tryCandidate(options.member, options.candidate, signal);
      signal.throwIfAborted();
      const server = options.member.name;
      if (entries.length > mostBehind) throw farBehind(server);
      if (place.resumption.confidence === 'unverified') {
        throw new WaymarkError('unsuitable-server', `the place on ${server} could not be proved`);
      }
      const ending = new AbortController();
      const end = (): void => {
        ending.abort(reasonOf(signal));
      };
      signal.addEventListener('abort', end, { once: true });
      const detach = (): void => {
        signal.removeEventListener('abort', end);
      };
      ending.signal.addEventListener('abort', detach);
      return new Shadow(options, place, { ending, detach }, entries);
    } finally {
      unfollow();
    }
  }

  get server(): string {
    return this.#options.member.name;
  }

  /** What its first place was proved on. */
  get inspection(): Inspection {
    return this.#place.inspection;
  }

  /**
   * Whether it shows that the stream could go on here now: it has everything that was delivered, it hasn't differed of
   * late, and what comes is read.
   */
  get isLevel(): boolean {
    return this.#ledger.behind === 0 && !this.#ledger.isInDoubt && !this.#isFull;
  }

  /** What it has shown so far. Null if it has never had everything that was delivered. */
  get equal(): Equal | null {
    this.#noteEqual();
    return this.#equal;
  }

  /**
   * When the first transaction came that the stream has yet to deliver, on the clock of {@link lag}. Null: there is
   * none. `unknown`: it lacks something that was delivered, or has differed of late.
   */
  get aheadSinceMs(): number | null | 'unknown' {
    const { behind, isInDoubt, aheadSinceMs } = this.#ledger;
    return behind > 0 || isInDoubt ? 'unknown' : aheadSinceMs;
  }

  get view(): ShadowView {
    const { ahead, behind, met, isInDoubt } = this.#ledger;
    return {
      ...{ server: this.server, ahead, behind, met, inDoubt: isInDoubt },
      bufferedBytes: this.#dump.keptBytes,
    };
  }

  /**
   * Reads until the stream goes on here ({@link takeOver}).
   * @throws what reading the log throws, and the signal's reason.
   */
  async run(): Promise<void> {
    const { member, candidate } = this.#options;
    const { inspection, resumption } = this.#place;
    const { signal } = this.#ending;
    try {
      const steps = readHistory({
        instance: member.instance,
        start: resumption.resume.coordinates,
        signal,
        dump: this.#dump.read(),
        format: candidate.format,
        filter: candidate.filter,
        replicaServerId: isReplica(inspection) ? inspection.facts.serverId : null,
        sourceServerId: resumption.resume.sourceServerId,
        own: candidate.ownOf(member, inspection, signal),
        onRepeated: this.#ledger.repeated.bind(this.#ledger),
      });
      for await (const some of steps) {
        for (const step of some) this.#ledger.read(step, this.lag.waitedMs);
        this.#tell();
        this.#tellDifferences();
        this.#noteEqual();
        if (this.#ledger.behind > mostBehind) throw farBehind(this.server);
        await this.#room(signal, some.length > 0);
      }
    } catch (error) {
      // What ends the connection now is the stream's matter.
      if (!this.#isTakenOver) throw error;
    } finally {
      this.#tell();
      this.#tellDifferences();
      if (!this.#isTakenOver) this.end();
    }
    if (!this.#isTakenOver) {
      throw new WaymarkError('stream-broken', `${this.server} ended the binlog stream of the shadow`);
    }
  }

  /**
   * The place where the stream goes on here, as soon as the shadow has shown everything that was delivered.
   * @throws {@link ShadowDiffers}, and the signal's reason.
   */
  async prove(signal: AbortSignal): Promise<Place> {
    for (;;) {
      signal.throwIfAborted();
      const { resume, isInDoubt } = this.#ledger;
      if (isInDoubt) throw new ShadowDiffers(`${this.server} has differed from what was delivered of late`);
      if (this.#ending.signal.aborted) throw reasonOf(this.#ending.signal);
      if (resume !== null) return this.#placeAt(resume);
      await this.#change(signal);
    }
  }

  /**
   * Hands the open connection over to the stream, which goes on at this place. Null if it can't be had from there:
   * a transaction that is larger than the buffer has to be read again. Then the shadow ends.
   * @param signal ends the connection.
   */
  takeOver(place: Coordinates, signal: AbortSignal): AsyncIterable<EventBatch> | null {
    if (this.#isTakenOver || this.#ending.signal.aborted || !this.#dump.has(place)) {
      this.end();
      return null;
    }
    this.#isTakenOver = true;
    this.#unfollow();
    // From now on, only the stream ends it.
    this.#detach();
    const end = (): void => {
      this.#ending.abort(reasonOf(signal));
    };
    if (signal.aborted) end();
    signal.addEventListener('abort', end, { once: true });
    this.#ending.signal.addEventListener('abort', () => {
      signal.removeEventListener('abort', end);
    });
    return this.#dump.handOver(place);
  }

  /** Ends reading. */
  end(): void {
    this.#unfollow();
    this.#ending.abort(new Error('the shadow has ended'));
  }

  #placeAt(resume: Place['resumption']['resume']): Place {
    const { resumption, inspection, ...place } = this.#place;
    const { met } = this.#ledger;
    const confidence = weakerConfidence(resumption.confidence, this.#ledger.confidence);
    const evidence = {
      ...resumption.evidence,
      transactionsMatched: resumption.evidence.transactionsMatched + met,
    };
    return {
      ...place,
      // Its log has grown since.
      inspection: { ...inspection, logEnd: null },
      resumption: { ...resumption, resume, confidence, evidence, locateMs: 0, matchMs: 0 },
      dump: this,
    };
  }

  /**
   * Drops what was delivered. If the rest is too much, waits until more of it has been.
   * @param hasEnded whether the end of a transaction was read.
   */
  async #room(signal: AbortSignal, hasEnded: boolean): Promise<void> {
    if (hasEnded) this.#dump.keepAgain();
    try {
      while (!this.#isTakenOver) {
        this.#dump.release(this.#ledger.place);
        const { ahead, behind } = this.#ledger;
        const { bufferBytes, isStreamWaiting } = this.#options;
        const { keptBytes } = this.#dump;
        const next = whetherToRead({
          ...{ keptBytes, bufferBytes, ahead, behind },
          isStreamWaiting: isStreamWaiting(),
        });
        if (next === 'forget') this.#dump.forget();
        if (next !== 'wait') return;
        this.#isFull = true;
        await sleep(roomPollMs, signal);
      }
    } finally {
      this.#isFull = false;
    }
  }

  #tellDifferences(): void {
    const found = this.#ledger.takeDifferences();
    if (found.length === 0) return;
    // What comes later may be equal again. What was equal before remains.
    this.#since = epochMs();
    this.#metBefore = this.#ledger.met;
    this.#options.onDifferences(found);
  }

  #noteEqual(): void {
    const { behind, isInDoubt, met } = this.#ledger;
    if (behind > 0 || isInDoubt || this.#isTakenOver) return;
    this.#equal = { since: this.#since, until: epochMs(), transactions: met - this.#metBefore };
  }

  #tell(): void {
    const waiting = this.#wake;
    this.#wake = [];
    for (const wake of waiting) wake();
  }

  #change(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const onAbort = (): void => {
        reject(reasonOf(signal));
      };
      signal.addEventListener('abort', onAbort, { once: true });
      this.#wake.push(() => {
        signal.removeEventListener('abort', onAbort);
        resolve();
      });
    });
  }
}
