import type { Logger } from 'pino';
import { formatCoordinates } from '../binlog/coordinates.js';
import { EventType, eventType } from '../binlog/event.js';
import type { DecodedRow, RowDecoder } from '../decode/row-decoder.js';
import type { EndedTransaction, OpenTransaction } from '../binlog/transaction-assembler.js';
import type { Statement } from '../binlog/query-event.js';
import type { TableFilter } from '../config/table-filter.js';
import { displayHint, type HintRecogniser } from '../hints/hint.js';
import type { LayoutSource } from '../layouts/layout-source.js';
import { isStatementDeliverable } from '../matching/deliverable.js';
import { isBornOnReplica } from '../matching/history.js';
import { sameTransaction } from '../matching/identity-bag.js';
import { RecentOrigins } from '../matching/recent-origins.js';
import type { Identity, PartialTransaction } from '../matching/trail.js';
import type { PassedOver } from '../matching/match-state.js';
import type { ChangeRecord } from '../sinks/record.js';
import { WaymarkError } from '../util/errors.js';
import { type Change, TransactionRecords } from './change-records.js';
import { CutOffTransaction } from './cut-off-transaction.js';
import type { Progress, Step } from './progress.js';
import { ReadAhead } from './read-ahead.js';
import type { Token } from './tokens.js';
import { undecodable } from './unreadable.js';

export type TransactionStreamOptions = {
  readonly progress: Progress;
  readonly filter: TableFilter;
  readonly recognise: HintRecogniser;
  readonly decoder: RowDecoder;
  readonly layouts: LayoutSource;
  readonly server: string;
  readonly serverId: number;
  readonly skip: readonly PassedOver[];
  readonly cutOff: CutOffTransaction;
  /** Where transactions begin that are known to be others than the ones of the same GTID. */
  readonly notThese: ReadonlySet<string>;
  /** Whether what this server wrote on its own account is no part of the history, asked when something comes. */
  readonly leavesOutOwn: () => Promise<boolean>;
  readonly logger: Logger;
};

/** A server has logged two transactions under one GTID. */
export class OtherContentError extends WaymarkError {
  /** Where the second one begins. */
  readonly start: string;

  constructor(server: string, { gtid, start }: EndedTransaction) {
    const place = formatCoordinates(start);
    super(
      'diverged',
      `${server} has other content under ${gtid ?? 'a GTID'} at ${place} than what was delivered under it. Is ` +
        'gtid_strict_mode OFF, and was the server written to? Compare the data of the servers',
      { details: { server, gtid, ...start } },
    );
    this.start = place;
  }
}

function partialUpdate(): WaymarkError {
  return new WaymarkError(
    'unsupported-event',
    'it is a partial JSON update; unset binlog_row_value_options in the session that writes it',
  );
}

/** What can be delivered, and what is true when it has been. */
export type Taken = {
  readonly records: readonly ChangeRecord[];
  /** Transactions that end in the records, or that nothing is delivered of. */
  readonly steps: readonly Step[];
  /** The transaction under way. */
  readonly partial: PartialTransaction | null;
  /** Of the proved layouts behind the last transaction that is over. */
  readonly layoutVersion: number;
};

/** What is done with a transaction. */
type Fate = 'deliver' | 'passed-over' | 'born-here' | 'repeated';

type Current = {
  readonly open: OpenTransaction;
  readonly fate: Fate;
  readonly second: number;
  readonly records: TransactionRecords;
  /** What of it another server has delivered. */
  readonly cutOff: PartialTransaction | null;
};

type ContentToken = Extract<Token, { kind: 'rows' | 'statement' | 'outcome' }>;

/** Works off tokens: decides of each transaction what is done with it, and makes its records. */
export class TransactionStream {
  readonly #options: TransactionStreamOptions;
  readonly #skip: Map<string, Identity>;
  readonly #recent: RecentOrigins;
  readonly #ahead: ReadAhead;
  #current: Current | null = null;
  /** Whose table ids the decoder knows. */
  #file: string | null = null;
  #out: ChangeRecord[] = [];
  #layoutVersion: number;

  constructor(options: TransactionStreamOptions) {
    this.#options = options;
    this.#layoutVersion = options.layouts.layoutVersion;
    this.#ahead = new ReadAhead(options.progress);
    this.#recent = new RecentOrigins(options.progress.keeper.entries);
    this.#skip = new Map(options.skip.map(({ start, identity }) => [formatCoordinates(start), identity]));
  }

  /** The records that can be delivered since the last call, and what is true when they have been. */
  take(): Taken {
    const steps = this.#ahead.take();
    const taken = { records: this.#out, steps, partial: this.#partial, layoutVersion: this.#layoutVersion };
    this.#out = [];
    return taken;
  }

  /** The transaction that tokens have come of last, while it isn't over. */
  get open(): OpenTransaction | null {
    return this.#current?.open ?? null;
  }

  /** The transaction under way as far as it has been handed out, or what is left of one that was cut off. */
  get #partial(): PartialTransaction | null {
    const pending = this.#options.cutOff.partial;
    const current = this.#current;
    if (current?.fate !== 'deliver') return pending;
    const { boundary } = current.records;
    // What is held back may begin before the place where it was cut off: events lie otherwise here.
    const delivered = current.cutOff ?? pending;
    if (boundary.changes <= (current.cutOff?.changes ?? 0)) return delivered;
    return { second: current.second, origin: current.open.origin, ...boundary };
  }

  /** Works a token off. Gives a promise only where there is something to wait for: tokens come by the million. */
  token(token: Token): Promise<void> | null {
    const { filter, decoder, layouts, recognise } = this.#options;
    switch (token.kind) {
      case 'table': {
        if (!filter.table(token.name.schema, token.name.table)) return null;
        if (token.behind.file !== this.#file) decoder.reset();
        this.#file = token.behind.file;
        const undescribed = decoder.tableMap(token.event.buffer, token.event.start, token.event.end);
        return undescribed && layouts.tableMap(undescribed, token.behind);
      }
      case 'rows':
      case 'statement':
      case 'outcome': {
        if (token.kind === 'statement' && recognise(token.statement)) return null;
        const begun = this.#begin(token.open, token.firstSecond);
        if (begun instanceof Promise) {
          return begun.then((current) => {
            this.#content(current, token);
          });
        }
        this.#content(begun, token);
        return null;
      }
      case 'end':
        this.#end(token.ended);
        return null;
    }
  }

  #content(current: Current, token: ContentToken): void {
    if (token.kind === 'statement') this.#statement(current, token.statement);
    if (current.fate !== 'deliver') return;
    const changes = this.#changesOf(token);
    if (changes !== null) this.#add(current, changes, token);
  }

  /** Table maps behind a statement that can have changed tables are described anew. */
  #statement({ fate }: Current, statement: Statement): void {
    const { layouts, decoder } = this.#options;
    // What was delivered from another server was seen there.
    if (fate === 'passed-over') return;
    if (layouts.statement(statement, fate === 'deliver')) decoder.reset();
  }

  /** What is delivered of it; null when nothing is. */
  #changesOf(token: ContentToken): Change[] | null {
    const { filter } = this.#options;
    switch (token.kind) {
      case 'statement': {
        const { statement } = token;
        return isStatementDeliverable(statement, filter) ? [{ kind: 'statement', statement }] : null;
      }
      case 'outcome':
        // Whether the filter passed anything of what was prepared is not known any more: it may be days ago.
        return [{ kind: 'outcome', outcome: token.outcome }];
      case 'rows': {
        const { name } = token;
        if (!filter.table(name.schema, name.table)) return null;
        return this.#decode(token).map((row) => ({ kind: 'row', name, row }));
      }
    }
  }

  #decode({ event, tableId, name, behind }: Extract<Token, { kind: 'rows' }>): DecodedRow[] {
    const { buffer, start, end } = event;
    try {
      if (eventType(buffer, start) === EventType.partialUpdateRows) throw partialUpdate();
      return this.#options.decoder.rows(buffer, start, end, tableId);
    } catch (error) {
      throw undecodable(error, name, this.#options.server, behind);
    }
  }

  #begin(open: OpenTransaction, second: number): Current | Promise<Current> {
    if (this.#current?.open === open) return this.#current;
    const { serverId, leavesOutOwn } = this.#options;
    if (this.#skip.size > 0 && this.#skip.has(formatCoordinates(open.start))) {
      return this.#enter(open, second, 'passed-over');
    }
    if (
      this.#recent.digestOf(open.origin) !== null &&
      !this.#options.notThese.has(formatCoordinates(open.start))
    ) {
      return this.#enter(open, second, 'repeated');
    }
    if (!isBornOnReplica(open.serverId, serverId, this.#ahead.sourceServerId)) {
      return this.#enter(open, second, 'deliver');
    }
    return leavesOutOwn().then((leavesOut) => this.#enter(open, second, leavesOut ? 'born-here' : 'deliver'));
  }

  #enter(open: OpenTransaction, second: number, fate: Fate): Current {
    const { cutOff } = this.#options;
    const { lastHint, sequence } = this.#ahead;
    const passOver = fate === 'deliver' ? cutOff.changesToPassOver(open, second) : 0;
    const delivered = cutOff.isAt(open) ? cutOff.partial : null;
    const head = {
      hint: lastHint && displayHint(lastHint),
      sequence: sequence + 1,
      gtid: open.gtid,
      xid: open.xid,
      second,
    };
    const records = new TransactionRecords(head, passOver, cutOff.partial !== null && delivered === null);
    this.#current = { open, fate, second, records, cutOff: delivered };
    return this.#current;
  }

  #add(current: Current, changes: readonly Change[], token: ContentToken): void {
    const { server, serverId, cutOff } = this.#options;
    cutOff.beforeContent(current.open, current.records.count, token.before);
    const source = { server, serverId, ...token.behind };
    const ready = current.records.add(changes, token.second, token.before, source);
    cutOff.afterContent(current.open, current.records.count);
    this.#out.push(...ready);
  }

  #end(ended: EndedTransaction): void {
    const current = this.#current;
    this.#current = null;
    this.#layoutVersion = this.#options.layouts.layoutVersion;
    this.#ahead.step(this.#stepOf(current, ended));
  }

  #stepOf(current: Current | null, ended: EndedTransaction): Step {
    const { identity, statement } = ended;
    if (identity === null) return { kind: 'empty', ended };
    const hint = statement && this.#options.recognise(statement);
    if (hint) return { kind: 'hint', hint, ended };
    return current === null ? { kind: 'empty', ended } : this.#transaction(current, ended, identity);
  }

  #transaction(current: Current, ended: EndedTransaction, identity: Identity): Step {
    const { logger, server, cutOff } = this.#options;
    switch (current.fate) {
      case 'deliver':
        cutOff.beforeEnd(current.open, current.records.count);
        this.#out.push(...current.records.end(identity.digest));
        this.#recent.add(identity);
        return { kind: 'delivered', identity, ended };
      case 'passed-over':
        this.#passOver(ended, identity);
        return { kind: 'passed-over', ended };
      case 'repeated':
        if (!this.#recent.has(identity)) throw new OtherContentError(server, ended);
        logger.warn(
          { event: 'transaction.repeated', server, gtid: ended.gtid, ...ended.start },
          `${server} carried out ${ended.gtid ?? 'a transaction'} twice, as a MariaDB replica may that was killed; ` +
            'it is delivered once',
        );
        return { kind: 'repeated', ended };
      case 'born-here':
        logger.warn(
          {
            event: 'transaction.born-here',
            server,
            gtid: ended.gtid,
            ...ended.start,
            bornHere: this.#ahead.bornHere + 1,
          },
          `${server} wrote a transaction on its own account while it replicates; it is left out`,
        );
        return { kind: 'born-here', ended };
    }
  }

  #passOver(ended: EndedTransaction, identity: Identity): void {
    const { server } = this.#options;
    const place = formatCoordinates(ended.start);
    const expected = this.#skip.get(place);
    this.#skip.delete(place);
    if (!expected || !sameTransaction(expected, identity)) {
      throw new WaymarkError(
        'diverged',
        `${server} now has another transaction at ${place} than when it was matched`,
        {
          details: { server, ...ended.start },
        },
      );
    }
    this.#recent.add(identity);
  }
}
