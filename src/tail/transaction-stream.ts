import type { Logger } from 'pino';
import { formatCoordinates } from '../binlog/coordinates.js';
import {
  type EventPlace,
  eventSecond,
  EventType,
  eventType,
  isThreadSpecific,
  type WaitingVisitor,
} from '../binlog/event.js';
import type { LoggedStatement, XaOutcome } from '../binlog/query-event.js';
import type { RowsEvent, TableName } from '../binlog/rows-event.js';
import type { EndedTransaction, OpenTransaction } from '../transactions/transaction.js';
import { TransactionAssembler } from '../transactions/transaction-assembler.js';
import type { ColumnRules } from '../config/column-rules.js';
import type { TableFilter } from '../config/table-filter.js';
import type { RowDecoder } from '../decode/row-decoder.js';
import { GtidState } from '../gtids/gtid-state.js';
import { displayHint, type HintRecogniser } from '../hints/hint.js';
import type { LayoutSource } from '../layouts/layout-source.js';
import { isStatementDeliverable } from '../matching/deliverable.js';
import { mayBeErrant } from '../matching/history.js';
import { sameTransaction } from '../matching/identity-bag.js';
import type { PassedOver } from '../matching/match-state.js';
import type { OwnHistory, OwnVerdict } from '../matching/own-transactions.js';
import { RecentOrigins } from '../matching/recent-origins.js';
import type { Identity, PartialTransaction } from '../matching/trail.js';
import type { RecordBatch } from '../records/record-batch.js';
import type { ShownStatement } from '../records/record.js';
import type { EventHead } from '../records/line-parts.js';
import { RecordWriter } from '../records/record-writer.js';
import { WaymarkError } from '../util/errors.js';
import type { CutOffTransaction } from './cut-off-transaction.js';
import { RecoveredStatements } from './errant-transactions.js';
import type { Progress, Step } from './progress.js';
import { ReadAhead } from './read-ahead.js';
import { withoutSecrets } from '../decode/statement-secrets.js';
import { shownStatement } from './statement-record.js';
import { type TransactionPrefix, TransactionRecords } from './transaction-records.js';
import { undecodableChange } from './unreadable-error.js';

/** What to deliver, and what is known of the server. */
export type TransactionStreamOptions = {
  readonly progress: Progress;
  readonly filter: TableFilter;
  /** The columns to keep out of the records. Null: none. */
  readonly columnRules: ColumnRules | null;
  /** Whether a row that the log has only in part stops the stream (`full`). */
  readonly rowImage: 'full' | 'any';
  /** Whether records of rows show the text of their statement. */
  readonly query: boolean;
  readonly recognise: HintRecogniser;
  readonly decoder: RowDecoder;
  readonly layouts: LayoutSource;
  readonly server: string;
  readonly serverId: number;
  readonly skip: readonly PassedOver[];
  readonly cutOff: CutOffTransaction;
  /** Where transactions begin that are known to differ from a delivered transaction with the same GTID. */
  readonly notThese: ReadonlySet<string>;
  /** Is asked when a transaction of the server's own comes. */
  readonly own: OwnHistory;
  readonly logger: Logger;
};

/** A server has logged two different transactions under one GTID. */
export class OtherContentError extends WaymarkError {
  /** Where the second one begins. */
  readonly start: string;

  constructor(server: string, { gtid, start }: EndedTransaction) {
    const at = formatCoordinates(start);
    super(
      'diverged',
      `${server} has other content under ${gtid ?? 'a GTID'} at ${at} than what was delivered under it. Is ` +
        'gtid_strict_mode OFF, and was the server written to? Compare the data of the servers',
      { details: { server, gtid, ...start } },
    );
    this.start = at;
  }
}

function partialImage(): WaymarkError {
  return new WaymarkError(
    'unsupported-event',
    'the log has only some columns of it (binlog_row_image is not FULL in the session that wrote it, or the table has ' +
      'generated columns, which MariaDB 11.8 logs only for new rows). A server that replicates from this one may have ' +
      'all. With "rowImage: any" such rows are delivered as they are, marked as partial',
  );
}

function partialUpdate(): WaymarkError {
  return new WaymarkError(
    'unsupported-event',
    'it is a partial JSON update. Unset binlog_row_value_options in the session that writes it',
  );
}

/** Records to deliver, and what becomes the progress when they have been accepted. */
export type Taken = {
  readonly batch: RecordBatch;
  /** The transactions that end in the records, or of which nothing is delivered. */
  readonly steps: readonly Step[];
  /** The transaction under way. */
  readonly partial: PartialTransaction | null;
  /** The version of the proved layouts after the last ended transaction. */
  readonly layoutVersion: number;
};

/** A transaction that is delivered. */
type Delivered = {
  readonly open: OpenTransaction;
  readonly fate: 'deliver';
  readonly second: number;
  readonly records: TransactionRecords;
  /** The part of it that was delivered from another server. */
  readonly cutOff: PartialTransaction | null;
};

/** A transaction under way, and what is done with it. */
type Current =
  | Delivered
  | {
      readonly open: OpenTransaction;
      readonly fate: 'passed-over' | 'repeated' | 'delivered-before';
    }
  | {
      readonly open: OpenTransaction;
      readonly fate: 'errant';
      /** Why nobody could be asked whether it is. Null: its source has told. */
      readonly unchecked: string | null;
    };

/** Decides what is done with each transaction, and writes its records. */
export class TransactionStream {
  readonly #options: TransactionStreamOptions;
  readonly #assembler: TransactionAssembler<Promise<void> | null>;
  readonly #skip: Map<string, Identity>;
  readonly #recent: RecentOrigins;
  readonly #ahead: ReadAhead;
  readonly #writer: RecordWriter;
  #current: Current | null = null;
  /** A transaction of the server's own, and what was told of it. */
  #own: { readonly open: OpenTransaction; readonly verdict: OwnVerdict } | null = null;
  /** The text of the statement whose rows are coming, as records show it. */
  #text: string | null = null;
  /** The log file whose table ids the decoder knows. */
  #file: string | null = null;
  readonly #recovered: RecoveredStatements;
  /** What was read from this server, by MariaDB GTID, if there are several domains. */
  readonly #read = GtidState.empty();
  #layoutVersion: number;
  /** Whether the filter passes a table, by its table map. */
  readonly #delivered = new WeakMap<TableName, boolean>();

  constructor(options: TransactionStreamOptions) {
    const { progress, server, serverId, cutOff } = options;
    this.#options = options;
    this.#layoutVersion = options.layouts.layoutVersion;
    this.#ahead = new ReadAhead(progress);
    this.#recent = new RecentOrigins(progress.keeper.entries);
    this.#skip = new Map(options.skip.map(({ start, identity }) => [formatCoordinates(start), identity]));
    this.#writer = new RecordWriter({ server, serverId });
    this.#recovered = new RecoveredStatements(server);
    this.#assembler = new TransactionAssembler(
      {
        tableMap: this.#tableMap.bind(this),
        rows: this.#rows.bind(this),
        ...(options.query ? { query: this.#query.bind(this) } : {}),
        statement: this.#statement.bind(this),
        outcome: this.#outcome.bind(this),
        end: (ended) => {
          this.#end(ended);
        },
      },
      () => cutOff.probeBytes,
    );
  }

  /** Takes the next event. */
  get event(): WaitingVisitor {
    return this.#assembler.event;
  }

  /** The transaction under way. Null between transactions. */
  get open(): OpenTransaction | null {
    return this.#assembler.open;
  }

  /** How many bytes of lines {@link take} would return. */
  get waitingBytes(): number {
    return this.#writer.waitingBytes;
  }

  /** Takes the records that can be delivered since the last call, and what becomes the progress with them. */
  take(): Taken {
    return {
      batch: this.#writer.take(),
      steps: this.#ahead.take(),
      partial: this.#partial,
      layoutVersion: this.#layoutVersion,
    };
  }

  /** The part of the transaction under way that was handed out, or the rest of one that was cut off. */
  get #partial(): PartialTransaction | null {
    const pending = this.#options.cutOff.partial;
    const current = this.#current;
    if (current?.fate !== 'deliver') return pending;
    const { handedOut } = current.records;
    // The records that are kept back may begin before the cut: the events have other boundaries on this server.
    const delivered = current.cutOff ?? pending;
    if (handedOut.changes <= (current.cutOff?.changes ?? 0)) return delivered;
    return { second: current.second, origin: current.open.origin, ...handedOut };
  }

  #tableMap(
    buffer: Buffer,
    start: number,
    end: number,
    name: TableName,
    place: EventPlace,
  ): Promise<void> | null {
    const { decoder, layouts } = this.#options;
    if (!this.#isDelivered(name)) return null;
    if (place.file !== this.#file) decoder.reset();
    this.#file = place.file;
    const undescribed = decoder.tableMap(buffer, start, end);
    const behind = { file: place.file, position: place.end };
    return undescribed && layouts.tableMap(undescribed, behind, this.open?.start ?? behind);
  }

  /**
   * Whether a table is delivered. Cached, because the same table map comes with every transaction, and matching the
   * filter's patterns takes time.
   */
  #isDelivered(name: TableName): boolean {
    let delivered = this.#delivered.get(name);
    if (delivered === undefined) {
      delivered = this.#options.filter.table(name.schema, name.table);
      this.#delivered.set(name, delivered);
    }
    return delivered;
  }

  #rows(
    open: OpenTransaction,
    event: RowsEvent,
    name: TableName,
    buffer: Buffer,
    start: number,
    place: EventPlace,
  ): Promise<void> | null {
    const { decoder, server } = this.#options;
    const current = this.#begin(open);
    if (current instanceof Promise) return current;
    if (current.fate !== 'deliver' || !this.#isDelivered(name)) return null;
    this.#next(current);
    const head = headOf(buffer, start, place, this.#text);
    try {
      if (eventType(buffer, start) === EventType.partialUpdateRows) throw partialUpdate();
      const reader = decoder.reader(event.tableId);
      if (!event.complete && this.#options.rowImage === 'full' && reader.isPartial(event, buffer)) {
        throw partialImage();
      }
      current.records.rows(reader, event, buffer, head);
    } catch (error) {
      throw undecodableChange(error, name, server, head);
    }
    return null;
  }

  #query(text: string): void {
    const withheld = this.#options.columnRules?.withholds(text) === true;
    this.#text = withheld ? withheldText : withoutSecrets(text).sql;
  }

  #statement(
    open: OpenTransaction,
    statement: LoggedStatement,
    buffer: Buffer,
    start: number,
    place: EventPlace,
  ): Promise<void> | null {
    const { filter, recognise } = this.#options;
    if (recognise(statement)) return null;
    const current = this.#begin(open);
    if (current instanceof Promise) return current;
    this.#followLayouts(current, statement, isThreadSpecific(buffer, start));
    if (current.fate !== 'deliver' || !isStatementDeliverable(statement, filter)) return null;
    this.#next(current);
    const head = headOf(buffer, start, place);
    try {
      current.records.statement(this.#shown(statement), head);
    } catch (error) {
      throw undecodableChange(error, null, this.#options.server, head);
    }
    return null;
  }

  /** Lets the layouts follow a statement. If it may have changed tables, the table maps after it are described anew. */
  #followLayouts({ fate }: Current, statement: LoggedStatement, ofSession: boolean): void {
    const { layouts, decoder } = this.#options;
    // This statement was already followed on the server from which it was delivered.
    if (fate === 'passed-over' || fate === 'delivered-before') return;
    if (layouts.statement(statement, fate === 'deliver' && !ofSession)) decoder.reset();
  }

  /**
   * Returns what a record shows of a statement. If the statement names a table with columns that are kept out, the text
   * is withheld.
   */
  #shown(statement: LoggedStatement): ShownStatement {
    return this.#options.columnRules?.withholds(statement.sql) === true
      ? { schema: statement.schema, sql: withheldText }
      : shownStatement(statement);
  }

  /**
   * Takes the outcome of a prepared transaction. The filter isn't asked: the transaction may have been prepared days
   * ago, so nobody knows any more whether the filter passed anything of it.
   */
  #outcome(
    open: OpenTransaction,
    outcome: XaOutcome,
    buffer: Buffer,
    start: number,
    place: EventPlace,
  ): Promise<void> | null {
    const current = this.#begin(open);
    if (current instanceof Promise) return current;
    if (current.fate !== 'deliver') return null;
    this.#next(current);
    current.records.outcome(outcome, headOf(buffer, start, place));
    return null;
  }

  /** Called before something of a transaction is written. */
  #next({ open, records }: Delivered): void {
    const before = prefixOf(open);
    this.#options.cutOff.beforeContent(open, records.count, before);
    records.next(before);
  }

  /** Returns what is done with a transaction. A promise if that must be looked up first: then ask again. */
  #begin(open: OpenTransaction): Current | Promise<void> {
    if (this.#current?.open === open) return this.#current;
    const { serverId, own, notThese } = this.#options;
    if (this.#skip.size > 0 && this.#skip.has(formatCoordinates(open.start))) {
      return this.#enter({ open, fate: 'passed-over' });
    }
    if (this.#recent.digestOf(open.origin) !== null && !notThese.has(formatCoordinates(open.start))) {
      return this.#enter({ open, fate: 'repeated' });
    }
    if (this.#options.progress.anchors === 'gtid' && this.#wasDelivered(open)) {
      return this.#enter({ open, fate: 'delivered-before' });
    }
    if (!mayBeErrant(open.serverId, serverId, this.#ahead.sourceServerId)) {
      this.#recovered.begins(open);
      return this.#deliver(open);
    }
    if (this.#own?.open === open) {
      const { verdict } = this.#own;
      return verdict.kind === 'errant'
        ? this.#enter({ open, fate: 'errant', unchecked: verdict.unchecked })
        : this.#deliver(open);
    }
    return own.judge(open).then((verdict) => {
      this.#own = { open, verdict };
    });
  }

  /**
   * Whether a transaction was delivered before the trail begins, from a server that had it earlier: of another
   * replication domain of MariaDB, or on MySQL without the source's commit order.
   * @throws WaymarkError `unsupported-event` if it has no GTID, by which this stream goes.
   */
  #wasDelivered({ gtid, start }: OpenTransaction): boolean {
    const { server } = this.#options;
    if (gtid === null) {
      throw new WaymarkError(
        'unsupported-event',
        `the transaction at ${formatCoordinates(start)} on ${server} has no GTID, and this stream goes by GTIDs. Was ` +
          'gtid_mode switched off? To go by hints, begin a new stream with "anchors: hints"',
        { details: { server, ...start } },
      );
    }
    const { delivered } = this.#options.progress;
    if (delivered === null) return false;
    if (gtid.includes(':')) return delivered.has(gtid);
    // Within one domain, a log's order tells.
    if (!delivered.hasSeveralDomains) return false;
    // Numbers that go back within a log are given anew: gtid_strict_mode is OFF.
    const goesBack = this.#read.has(gtid);
    this.#read.add(gtid);
    return !goesBack && delivered.has(gtid);
  }

  #enter(current: Current): Current {
    return (this.#current = current);
  }

  #deliver(open: OpenTransaction): Current {
    const { cutOff } = this.#options;
    const { lastHint, sequence } = this.#ahead;
    const second = open.second ?? 0;
    const passOver = cutOff.changesToPassOver(open, second);
    const delivered = cutOff.isAt(open) ? cutOff.partial : null;
    const hint = lastHint && displayHint(lastHint);
    const { gtid, xid, connection } = open;
    const byGtid = this.#options.progress.anchors === 'gtid';
    const committed = committedAt(open.origin);
    const head = { hint, sequence: sequence + 1, gtid, byGtid, xid, connection, committed };
    const whole = cutOff.partial !== null && delivered === null;
    const records = new TransactionRecords(this.#writer, { head, second, passOver, whole });
    return this.#enter({ open, fate: 'deliver', second, records, cutOff: delivered });
  }

  #end(ended: EndedTransaction): void {
    this.#text = null;
    const current = this.#current;
    this.#current = null;
    this.#layoutVersion = this.#options.layouts.layoutVersion;
    this.#recovered.ended(ended, current?.fate === 'errant');
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
        current.records.end(identity.digest);
        this.#recent.add(identity);
        return { kind: 'delivered', identity, ended };
      case 'passed-over':
        this.#passOver(ended, identity);
        return { kind: 'passed-over', ended };
      case 'delivered-before':
        return { kind: 'passed-over', ended };
      case 'repeated':
        if (!this.#recent.has(identity)) throw new OtherContentError(server, ended);
        logger.warn(
          { event: 'transaction.repeated', server, gtid: ended.gtid, ...ended.start },
          `${server} executed ${ended.gtid ?? 'a transaction'} twice, as a MariaDB replica may if it was killed. ` +
            'It is delivered once',
        );
        return { kind: 'repeated', ended };
      case 'errant':
        logger.warn(
          {
            ...{ event: 'transaction.errant', server, gtid: ended.gtid, ...ended.start },
            ...{ errant: this.#ahead.errant + 1, unchecked: current.unchecked },
          },
          errantMessage(server, current.unchecked),
        );
        return { kind: 'errant', ended };
    }
  }

  #passOver(ended: EndedTransaction, identity: Identity): void {
    const { server } = this.#options;
    const at = formatCoordinates(ended.start);
    const expected = this.#skip.get(at);
    this.#skip.delete(at);
    if (!expected || !sameTransaction(expected, identity)) {
      throw new WaymarkError(
        'diverged',
        `${server} now has another transaction at ${at} than when it was matched`,
        {
          details: { server, ...ended.start },
        },
      );
    }
    this.#recent.add(identity);
  }
}

/**
 * What to log of an errant transaction.
 * @param unchecked why nobody could be asked whether it is. Null: its source has told.
 */
export function errantMessage(server: string, unchecked: string | null): string {
  return unchecked === null
    ? `${server} has an errant transaction: it was written directly on that server. It is left out`
    : `${server} is a replica, and has a transaction of its own. It is taken for errant and left out, but nobody could ` +
        `tell whether the server was the source when it wrote it: ${unchecked}`;
}

/** Returns the part of a transaction's content that has been read. */
function prefixOf({ digest }: OpenTransaction): Omit<TransactionPrefix, 'changes'> {
  // Most transactions have one event, and nothing before it.
  if (digest.bytes === 0) return beginning;
  return { contentBytes: digest.bytes, digest: digest.value() };
}

const beginning = { contentBytes: 0, digest: 0n };

/** Stands for the text of a statement that is withheld. */
const withheldText = '<withheld>';

/** Returns the commit time in an origin. Null if the origin is something else: see Identity. */
function committedAt(origin: string): number | null {
  return origin.startsWith('c:') ? Number(origin.slice(2)) : null;
}

function headOf(
  buffer: Buffer,
  start: number,
  { file, end }: EventPlace,
  query: string | null = null,
): EventHead {
  return { second: eventSecond(buffer, start), file, position: end, query };
}
