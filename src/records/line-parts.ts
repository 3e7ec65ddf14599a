import { type JsonWriter, Literal, shortValueBytes } from '../decode/json-writer.js';
import type { RecordSource } from './record.js';

/** The values that all records of a transaction share. */
export type RecordHead = {
  readonly hint: string | null;
  readonly sequence: number;
  readonly gtid: string | null;
  /** Whether ids are made of the GTID instead of the hint and the sequence. */
  readonly byGtid: boolean;
  /** The XID of a transaction that is only prepared (see RecordTransaction.xa). */
  readonly xid: string | null;
  /** Microseconds since 1970. Null if the log doesn't tell. */
  readonly committed: number | null;
  readonly connection: number | null;
};

/** The values that all records of one event share. */
export type EventHead = {
  /** The event's second. */
  readonly second: number;
  /** The position after the event. */
  readonly position: number;
  readonly file: string;
  /** The text of the statement that changed its rows. Null if it isn't shown. */
  readonly query: string | null;
};

const idStart = new Literal('{"id":"');
const rowMember = new Literal(',"row":');
const gtidMember = new Literal(',"gtid":"');
const committedMember = new Literal(',"committed":');
const connectionMember = new Literal(',"connection":');
const lineEnd = new Literal('}}\n');

const quotationMark = 0x22;
const slash = 0x2f;

/** The beginning of a record's line, and the part that stays the same until the next hint. */
type HintParts = { readonly hint: string | null; readonly id: Literal; readonly tx: string };

/**
 * Writes the parts of lines that the records of a transaction share. Most of them are the same in the next
 * transaction, and are kept as bytes: building and encoding a string for each line would cost more than its
 * row.
 */
export class LineParts {
  readonly #source: string;
  #head: RecordHead = {
    ...{ hint: null, sequence: 0, gtid: null, byGtid: false },
    ...{ xid: null, committed: null, connection: null },
  };
  #hint: HintParts = partsOf(null);
  /** `,"ts":"…","tx":{"hint":…,"seq":` for a second, with the values of {@link #hint}. */
  #timed = { hint: this.#hint, second: -1, literal: new Literal('') };
  /** `},"source":{…,"position":` for a file. */
  #file = { file: '', literal: new Literal('') };

  /** @param source the server that the records are read from. */
  constructor({ server, serverId }: Pick<RecordSource, 'server' | 'serverId'>) {
    this.#source = `},"source":{"server":${JSON.stringify(server)},"serverId":${serverId},"file":`;
  }

  /** Begins a transaction. The next records belong to it. */
  begin(head: RecordHead): void {
    this.#head = head;
    if (head.hint !== this.#hint.hint) this.#hint = partsOf(head.hint);
  }

  /**
   * Writes `{"id":"hint/sequence/` or `{"id":"gtid/`. The row's number follows, and there is room for it: the longest
   * GTID (a UUID, a tag of 32 characters, 19 digits) leaves enough of what a literal reserves.
   */
  id(out: JsonWriter): void {
    const { gtid, byGtid } = this.#head;
    if (byGtid && gtid !== null) {
      out.literal(idStart);
      out.ascii(gtid);
      out.byte(slash);
      return;
    }
    const { id } = this.#hint;
    out.literal(id);
    out.unsigned(this.#head.sequence);
    out.byte(slash);
  }

  /**
   * Writes `,"query":…,"ts":…,"tx":{"hint":…,"seq":…,"row":`. The row's number follows, and there is room for
   * it.
   */
  transaction(out: JsonWriter, { query, second }: EventHead): void {
    if (query !== null) out.anyText(`,"query":${JSON.stringify(query)}`);
    out.literal(this.#timedLiteral(second));
    out.unsigned(this.#head.sequence);
    out.literal(rowMember);
  }

  /** Writes `,"gtid":…,"xa":…,"committed":…,"connection":…`, without those that are null. */
  optionalMembers(out: JsonWriter): void {
    const { gtid, xid, committed, connection } = this.#head;
    out.reserve(shortValueBytes);
    if (gtid !== null) {
      out.literal(gtidMember);
      out.ascii(gtid);
      out.byte(quotationMark);
    }
    if (xid !== null) out.anyText(`,"xa":${JSON.stringify(xid)}`);
    if (committed === null && connection === null) return;
    out.reserve(shortValueBytes);
    if (committed !== null) {
      out.literal(committedMember);
      out.unsigned(committed);
    }
    if (connection === null) return;
    out.literal(connectionMember);
    out.unsigned(connection);
  }

  /** Writes `},"source":{…}}` and the line's end. */
  source(out: JsonWriter, { file, position }: EventHead): void {
    if (file !== this.#file.file) {
      this.#file = { file, literal: new Literal(`${this.#source}${JSON.stringify(file)},"position":`) };
    }
    out.literal(this.#file.literal);
    out.unsigned(position);
    out.literal(lineEnd);
  }

  /** Returns the literal of a second. Thousands of records may share it. */
  #timedLiteral(second: number): Literal {
    const hint = this.#hint;
    if (this.#timed.second !== second || this.#timed.hint !== hint) {
      const time = new Date(second * 1000).toISOString();
      this.#timed = { hint, second, literal: new Literal(`,"ts":"${time}"${hint.tx}`) };
    }
    return this.#timed.literal;
  }
}

function partsOf(hint: string | null): HintParts {
  const id = JSON.stringify(`${hint ?? '-'}/`).slice(0, -1);
  return { hint, id: new Literal(`{"id":${id}`), tx: `,"tx":{"hint":${JSON.stringify(hint)},"seq":` };
}
