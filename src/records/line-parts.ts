import { type JsonWriter, Literal, shortValueBytes } from '../decode/json-writer.js';
import type { RecordSource } from './record.js';

/** What all records of a transaction share. */
export type RecordHead = {
  readonly hint: string | null;
  readonly sequence: number;
  readonly gtid: string | null;
  /** The XID of a transaction that is only prepared: see RecordTransaction.xa. */
  readonly xid: string | null;
  /** Microseconds since 1970. Null if the log doesn't tell. */
  readonly committed: number | null;
  readonly connection: number | null;
};

/** What all records of one event share. */
export type EventHead = {
  /** The event's own. */
  readonly second: number;
  /** Behind the event. */
  readonly position: number;
  readonly file: string;
  /** Text of the statement that its rows are of. Null: it isn't shown. */
  readonly query: string | null;
};

const rowMember = new Literal(',"row":');
const gtidMember = new Literal(',"gtid":"');
const committedMember = new Literal(',"committed":');
const connectionMember = new Literal(',"connection":');
const lineEnd = new Literal('}}\n');

const quotationMark = 0x22;
const slash = 0x2f;

/** The beginning of a record's line, and the part of it that stays the same until the next hint. */
type HintParts = { readonly hint: string | null; readonly id: Literal; readonly tx: string };

/**
 * Writes what the records of a transaction share. Most of it is the same in the next transaction, and is kept as
 * bytes. Building and encoding a string for each line would cost more than its row.
 */
export class LineParts {
  readonly #source: string;
  #head: RecordHead = { hint: null, sequence: 0, gtid: null, xid: null, committed: null, connection: null };
  #hint: HintParts = partsOf(null);
  /** `,"ts":"…","tx":{"hint":…,"seq":` of a second, under {@link #hint}. */
  #timed = { hint: this.#hint, second: -1, literal: new Literal('') };
  /** `},"source":{…,"position":` of a file. */
  #file = { file: '', literal: new Literal('') };

  /** @param source where the records are read. */
  constructor({ server, serverId }: Pick<RecordSource, 'server' | 'serverId'>) {
    this.#source = `},"source":{"server":${JSON.stringify(server)},"serverId":${serverId},"file":`;
  }

  /** The transaction whose records come. */
  begin(head: RecordHead): void {
    this.#head = head;
    if (head.hint !== this.#hint.hint) this.#hint = partsOf(head.hint);
  }

  /** `{"id":"hint/sequence/`: the row's number follows, and room is made for it. */
  id(out: JsonWriter): void {
    const { id } = this.#hint;
    out.literal(id);
    out.unsigned(this.#head.sequence);
    out.byte(slash);
  }

  /** `,"query":…,"ts":…,"tx":{"hint":…,"seq":…,"row":`: the row's number follows, and room is made for it. */
  transaction(out: JsonWriter, { query, second }: EventHead): void {
    if (query !== null) out.anyText(`,"query":${JSON.stringify(query)}`);
    out.literal(this.#timedLiteral(second));
    out.unsigned(this.#head.sequence);
    out.literal(rowMember);
  }

  /** `,"gtid":…,"xa":…,"committed":…,"connection":…`, as far as there are these. */
  marks(out: JsonWriter): void {
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

  /** `},"source":{…}}` and the line's end. */
  source(out: JsonWriter, { file, position }: EventHead): void {
    if (file !== this.#file.file) {
      this.#file = { file, literal: new Literal(`${this.#source}${JSON.stringify(file)},"position":`) };
    }
    out.literal(this.#file.literal);
    out.unsigned(position);
    out.literal(lineEnd);
  }

  /** Thousands of records may share a second. */
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
