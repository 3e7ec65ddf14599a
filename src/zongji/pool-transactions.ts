import { formatCoordinates } from '../binlog/coordinates.js';
import type { Identity } from '../transactions/identity.js';
import { isThreadSpecific } from '../binlog/event.js';
import type { LoggedStatement, Statement } from '../binlog/query-event.js';
import type { EndedTransaction, OpenTransaction } from '../transactions/transaction.js';
import { TransactionAssembler } from '../transactions/transaction-assembler.js';
import { type Hint, type HintRecogniser, hintRecogniser } from '../hints/hint.js';
import { mayBeErrant } from '../matching/history.js';
import { sameTransaction } from '../matching/identity-bag.js';
import type { PassedOver } from '../matching/match-state.js';
import { RecentOrigins } from '../matching/recent-origins.js';
import type { Step } from '../tail/progress.js';
import { ReadAhead } from '../tail/read-ahead.js';
import type { TailOptions } from '../tail/tail.js';
import { errantMessage } from '../tail/transaction-stream.js';
import { WaymarkError } from '../util/errors.js';
import type { RawEvent } from './event-reader.js';
import type { BinlogEvent } from './binlog-event.js';

/** An event to be emitted, with its transaction's GTID. */
export type Emitted = { readonly event: BinlogEvent; readonly gtid: string | undefined };

/** What comes of an event: others may have waited for it; a transaction may have ended with it. */
export type TakenEvent = {
  readonly emitted: readonly Emitted[];
  readonly step: Step | null;
  /** A statement that tables may have changed with, unless another server has told of it. */
  readonly carriedOut: CarriedOut | null;
};

/** A statement; `isOwn`: see ProvedLayouts. */
type CarriedOut = { readonly statement: LoggedStatement; readonly isOwn: boolean };

/** What is done with a transaction. */
type Fate = 'deliver' | 'passed-over' | 'repeated' | 'errant' | 'hint';

/** A transaction under way. */
type Current = {
  /** Null while nothing of its content has come. */
  fate: Fate | null;
  hint: Hint | null;
  /** If it is errant: why nobody could be asked whether it is. */
  unchecked: string | null;
  /** Events before its content. */
  waiting: Emitted[];
};

/** What an event is to its transaction. */
type Seen = {
  ended: EndedTransaction | null;
  content: Statement | 'other' | null;
  statement: { readonly logged: LoggedStatement; readonly ofSession: boolean } | null;
};

const nothing = (): Seen => ({ ended: null, content: null, statement: null });

export type PoolTransactionsOptions = Pick<TailOptions, 'progress' | 'format' | 'logger' | 'own'> & {
  /** What another server has delivered already, and stands behind the beginning here. */
  readonly skip: readonly PassedOver[];
  readonly server: string;
  readonly serverId: number;
};

/**
 * Decides of each transaction of a server whether its events are emitted: not those that were delivered from another
 * server, nor what the server has carried out twice, nor what was born on it while it replicates, nor hints. What has no
 * content isn't emitted either: another server may not have it.
 */
export class PoolTransactions {
  readonly #options: PoolTransactionsOptions;
  readonly #assembler: TransactionAssembler;
  readonly #recognise: HintRecogniser;
  readonly #recent: RecentOrigins;
  readonly #ahead: ReadAhead;
  readonly #skip: Map<string, Identity>;
  #current: Current | null = null;
  #seen: Seen = nothing();

  constructor(options: PoolTransactionsOptions) {
    const { progress, skip, format } = options;
    this.#options = options;
    this.#recognise = hintRecogniser(format);
    this.#ahead = new ReadAhead(progress);
    this.#recent = new RecentOrigins(progress.keeper.entries);
    this.#skip = new Map(skip.map(({ start, identity }) => [formatCoordinates(start), identity]));
    this.#assembler = new TransactionAssembler({
      rows: () => {
        this.#seen.content = 'other';
      },
      statement: (_open, statement, buffer, start) => {
        this.#seen.content = statement;
        this.#seen.statement = { logged: statement, ofSession: isThreadSpecific(buffer, start) };
      },
      outcome: () => {
        this.#seen.content = 'other';
      },
      end: (ended) => {
        this.#seen.ended = ended;
      },
    });
  }

  /** The transaction under way; null between two. */
  get open(): OpenTransaction | null {
    return this.#assembler.open;
  }

  /**
   * Takes the next event.
   * @param event what would be emitted of it; null where a filter keeps it back.
   * @throws WaymarkError what the assembler throws; `diverged` where the server has other content than it should.
   */
  take(
    { buffer, start, end, place }: RawEvent,
    event: BinlogEvent | null,
    gtid: string | undefined,
  ): TakenEvent | Promise<TakenEvent> {
    const seen = (this.#seen = nothing());
    const before = this.#assembler.open;
    this.#assembler.event(buffer, start, end, place);
    const emitted: Emitted[] = event === null ? [] : [{ event, gtid }];
    const open = this.#assembler.open ?? before;
    const begun = open ?? seen.ended;
    if (begun === null) return { emitted, step: null, carriedOut: null };
    const current = (this.#current ??= { fate: null, hint: null, unchecked: null, waiting: [] });
    if (current.fate === null && seen.content !== null) {
      const fate = this.#fateOf(current, begun, seen.content);
      if (fate instanceof Promise) return fate.then((known) => this.#enter(current, known, emitted));
      return this.#enter(current, fate, emitted);
    }
    return this.#enter(current, current.fate, emitted);
  }

  #enter(current: Current, fate: Fate | null, emitted: readonly Emitted[]): TakenEvent {
    current.fate = fate;
    current.waiting.push(...emitted);
    const ready = fate === 'deliver' ? current.waiting.splice(0) : [];
    if (fate !== null) current.waiting = [];
    const { ended } = this.#seen;
    const carriedOut = this.#carriedOut(fate);
    if (ended === null) return { emitted: ready, step: null, carriedOut };
    this.#current = null;
    const step = this.#stepOf(current, ended);
    this.#ahead.step(step);
    return { emitted: ready, step, carriedOut };
  }

  /** What was delivered from another server was seen there. */
  #carriedOut(fate: Fate | null): CarriedOut | null {
    const { statement } = this.#seen;
    if (statement === null || fate === 'passed-over' || fate === 'hint') return null;
    return { statement: statement.logged, isOwn: fate === 'deliver' && !statement.ofSession };
  }

  #fateOf(
    current: Current,
    begun: OpenTransaction | EndedTransaction,
    content: Statement | 'other',
  ): Fate | Promise<Fate> {
    current.hint = content === 'other' ? null : this.#recognise(content);
    if (current.hint !== null) return 'hint';
    const { serverId } = begun;
    const start = formatCoordinates(begun.start);
    const origin = 'origin' in begun ? begun.origin : (begun.identity?.origin ?? '');
    if (this.#skip.has(start)) return 'passed-over';
    if (this.#recent.digestOf(origin) !== null) return 'repeated';
    if (!mayBeErrant(serverId, this.#options.serverId, this.#ahead.sourceServerId)) return 'deliver';
    const gtid = 'gtid' in begun ? begun.gtid : null;
    return this.#options.own.judge({ gtid, start: begun.start }).then((verdict) => {
      if (verdict.kind === 'history') return 'deliver';
      current.unchecked = verdict.unchecked;
      return 'errant';
    });
  }

  #stepOf({ fate, hint, unchecked }: Current, ended: EndedTransaction): Step {
    const { identity } = ended;
    if (identity === null || fate === null) return { kind: 'empty', ended };
    switch (fate) {
      case 'hint':
        return hint === null ? { kind: 'empty', ended } : { kind: 'hint', hint, ended };
      case 'deliver':
        this.#recent.add(identity);
        return { kind: 'delivered', identity, ended };
      case 'passed-over':
        this.#requirePassedOver(ended, identity);
        this.#recent.add(identity);
        return { kind: 'passed-over', ended };
      case 'repeated':
        if (!this.#recent.has(identity))
          throw this.#diverged(ended, 'other content under a GTID than before');
        return { kind: 'repeated', ended };
      case 'errant':
        this.#options.logger.warn(
          {
            ...{ event: 'transaction.errant', server: this.#options.server, gtid: ended.gtid },
            ...{ ...ended.start, unchecked },
          },
          errantMessage(this.#options.server, unchecked),
        );
        return { kind: 'errant', ended };
    }
  }

  #requirePassedOver(ended: EndedTransaction, identity: Identity): void {
    const start = formatCoordinates(ended.start);
    const expected = this.#skip.get(start);
    this.#skip.delete(start);
    if (expected !== undefined && sameTransaction(expected, identity)) return;
    throw this.#diverged(ended, 'another transaction than when it was matched');
  }

  #diverged({ start, gtid }: EndedTransaction, what: string): WaymarkError {
    const place = formatCoordinates(start);
    return new WaymarkError(
      'diverged',
      `${this.#options.server} now has ${what} (${gtid ?? 'no GTID'}) at ${place}`,
      {
        details: { server: this.#options.server, gtid, ...start },
      },
    );
  }
}
