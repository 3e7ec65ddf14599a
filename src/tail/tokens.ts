import type { Coordinates } from '../binlog/coordinates.js';
import type { Statement, XaOutcome } from '../binlog/query-event.js';
import type { TableName } from '../binlog/rows-event.js';
import {
  type EndedTransaction,
  type OpenTransaction,
  TransactionAssembler,
} from '../binlog/transaction-assembler.js';
import { type EventPlace, eventSecond, headerBytes } from '../binlog/event.js';

/** Where an event's bytes lie; valid until the next batch. */
type EventBytes = { readonly buffer: Buffer; readonly start: number; readonly end: number };

/** The place in a transaction's content before an event, and the digest over what stands before it. */
export type ContentPlace = { readonly contentBytes: number; readonly digest: bigint };

/**
 * What a batch of events is to the tail, in order. Decoding may have to wait for a table's columns, which the events
 * themselves can't: so they are taken down first and worked off afterwards.
 */
export type Token =
  | {
      readonly kind: 'table';
      readonly event: EventBytes;
      readonly name: TableName;
      readonly behind: Coordinates;
    }
  | {
      readonly kind: 'rows';
      readonly open: OpenTransaction;
      /** The event's own. */
      readonly second: number;
      /** The transaction's: that of its first content. */
      readonly firstSecond: number;
      readonly name: TableName;
      readonly tableId: number;
      readonly event: EventBytes;
      readonly before: ContentPlace;
      readonly behind: Coordinates;
    }
  | {
      readonly kind: 'statement';
      readonly open: OpenTransaction;
      /** The event's own. */
      readonly second: number;
      /** The transaction's: that of its first content. */
      readonly firstSecond: number;
      readonly statement: Statement;
      readonly before: ContentPlace;
      readonly behind: Coordinates;
    }
  | {
      readonly kind: 'outcome';
      readonly open: OpenTransaction;
      readonly second: number;
      readonly firstSecond: number;
      readonly outcome: XaOutcome;
      readonly before: ContentPlace;
      readonly behind: Coordinates;
    }
  | { readonly kind: 'end'; readonly ended: EndedTransaction };

/**
 * Takes events down as tokens.
 * @param probeBytes see {@link TransactionAssembler}.
 */
export class TokenReader {
  readonly #assembler: TransactionAssembler;
  #tokens: Token[] = [];

  constructor(probeBytes: () => number) {
    this.#assembler = new TransactionAssembler(
      {
        tableMap: (buffer, start, end, name, place) => {
          this.#tokens.push({ kind: 'table', event: { buffer, start, end }, name, behind: behind(place) });
        },
        rows: (open, _operation, name, buffer, start, end, place) => {
          this.#tokens.push({
            kind: 'rows',
            open,
            second: eventSecond(buffer, start),
            firstSecond: open.second ?? 0,
            name,
            tableId: buffer.readUIntLE(start + headerBytes, 6),
            event: { buffer, start, end },
            before: placeOf(open),
            behind: behind(place),
          });
        },
        statement: (open, statement, place) => {
          this.#tokens.push({ kind: 'statement', statement, ...partOf(open, place) });
        },
        outcome: (open, outcome, place) => {
          this.#tokens.push({ kind: 'outcome', outcome, ...partOf(open, place) });
        },
        end: (ended) => {
          this.#tokens.push({ kind: 'end', ended });
        },
      },
      probeBytes,
    );
  }

  get event(): TransactionAssembler['event'] {
    return this.#assembler.event;
  }

  /** Null between transactions. */
  get open(): OpenTransaction | null {
    return this.#assembler.open;
  }

  /** The tokens since the last call. */
  take(): readonly Token[] {
    const tokens = this.#tokens;
    this.#tokens = [];
    return tokens;
  }
}

function behind({ file, end }: EventPlace): Coordinates {
  return { file, position: end };
}

/** What tokens of statements have in common. */
function partOf(
  open: OpenTransaction,
  place: EventPlace,
): Pick<Extract<Token, { kind: 'statement' }>, 'open' | 'second' | 'firstSecond' | 'before' | 'behind'> {
  const second = open.second ?? 0;
  return { open, second, firstSecond: second, before: placeOf(open), behind: behind(place) };
}

const beginning: ContentPlace = { contentBytes: 0, digest: 0n };

function placeOf(open: OpenTransaction): ContentPlace {
  // Most transactions have one event, and nothing stands before that.
  if (open.digest.bytes === 0) return beginning;
  return { contentBytes: open.digest.bytes, digest: open.digest.value() };
}
