import { type Coordinates, formatCoordinates } from '../binlog/coordinates.js';
import type { TableName } from '../binlog/rows-event.js';
import type { OpenTransaction } from '../transactions/transaction.js';
import { displayHint } from '../hints/hint.js';
import { type ErrorCode, messageOf, WaymarkError } from '../util/errors.js';
import type { Progress } from './progress.js';

/**
 * Which transaction of the stream: how many have come behind which hint, and its own mark of origin where the log has
 * given one (''). Coordinates would be one server's alone.
 */
export type TransactionKey = {
  readonly hint: string | null;
  readonly sequence: number;
  readonly origin: string;
};

/** Content of a transaction that can't be read on a server. The code is the cause's, the details are added to. */
export class UnreadableError extends WaymarkError {
  readonly transaction: TransactionKey;

  constructor(cause: WaymarkError, transaction: TransactionKey, position: Coordinates) {
    super(cause.code, `${cause.message}. That is in ${nameOfTransaction(transaction)}`, {
      cause,
      details: { ...position, ...cause.details, ...transaction },
    });
    this.transaction = transaction;
  }
}

/** `transaction 12 behind hint 6B01F8DB:… (g:0-1-7)` */
export function nameOfTransaction({ hint, sequence, origin }: TransactionKey): string {
  const behind = hint === null ? 'behind the start' : `after hint ${hint}`;
  return `transaction ${sequence} ${behind}${origin === '' ? '' : ` (${origin})`}`;
}

/** What says that the content is at fault, and not the way that it came. */
const contentCodes: ReadonlySet<ErrorCode> = new Set(['checksum', 'protocol', 'unsupported-event']);

/**
 * An error that reading came to, with the transaction that it is about, if it is one of content.
 * @param progress what stands before that transaction has been delivered.
 * @param open the transaction, if it has begun.
 * @param position how far reading has come.
 */
export function unreadable(
  error: unknown,
  { keeper }: Progress,
  open: OpenTransaction | null,
  position: Coordinates,
): unknown {
  if (!(error instanceof WaymarkError) || error instanceof UnreadableError) return error;
  if (!contentCodes.has(error.code)) return error;
  const { lastHint, sequence } = keeper;
  const place = {
    hint: lastHint && displayHint(lastHint),
    sequence: sequence + 1,
    origin: open?.origin ?? '',
  };
  return new UnreadableError(error, place, position);
}

/** An error of decoding a change, with the table and the place; of a statement it is null. */
export function undecodableChange(
  error: unknown,
  name: TableName | null,
  server: string,
  behind: Coordinates,
): WaymarkError {
  const table = name === null ? null : `${name.schema}.${name.table}`;
  const what = table === null ? 'A statement' : `A change of ${table}`;
  return new WaymarkError(
    error instanceof WaymarkError ? error.code : 'protocol',
    `${what} before ${formatCoordinates(behind)} on ${server} can't be read: ${messageOf(error)}`,
    { cause: error, details: { server, ...(table === null ? {} : { table }), ...behind } },
  );
}
