import { type Coordinates, formatCoordinates } from '../binlog/coordinates.js';
import type { TableName } from '../binlog/rows-event.js';
import type { OpenTransaction } from '../transactions/transaction.js';
import { displayHint } from '../hints/hint.js';
import { type ErrorCode, messageOf, WaymarkError } from '../util/errors.js';
import type { Progress } from './progress.js';

/**
 * Identifies a transaction of the stream on any server: its number after a hint, and its origin if the log has one
 * (else ''). Coordinates would be valid on one server only.
 */
export type TransactionKey = {
  readonly hint: string | null;
  readonly sequence: number;
  readonly origin: string;
};

/**
 * The content of a transaction can't be read on a server. The error has the code and details of its cause, and more
 * details.
 */
export class UnreadableError extends WaymarkError {
  readonly transaction: TransactionKey;

  constructor(cause: WaymarkError, transaction: TransactionKey, position: Coordinates) {
    super(cause.code, `${cause.message}. That is in ${describeTransaction(transaction)}`, {
      cause,
      details: { ...position, ...cause.details, ...transaction },
    });
    this.transaction = transaction;
  }
}

/** Describes a transaction for messages: `transaction 12 after hint 6B01F8DB:… (g:0-1-7)`. */
export function describeTransaction({ hint, sequence, origin }: TransactionKey): string {
  const after = hint === null ? 'after the start' : `after hint ${hint}`;
  return `transaction ${sequence} ${after}${origin === '' ? '' : ` (${origin})`}`;
}

/** Codes of errors that are about the content, not about the connection. */
const contentCodes: ReadonlySet<ErrorCode> = new Set(['checksum', 'protocol', 'unsupported-event']);

/**
 * Turns an error of reading into an {@link UnreadableError} if it is about the content of a transaction. Returns any
 * other error unchanged.
 * @param progress everything before that transaction has been delivered.
 * @param open the transaction, if it has begun.
 * @param position how far the log was read.
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
  const transaction = {
    hint: lastHint && displayHint(lastHint),
    sequence: sequence + 1,
    origin: open?.origin ?? '',
  };
  return new UnreadableError(error, transaction, position);
}

/**
 * Returns the error of decoding a change, with its table and coordinates.
 * @param name null for a statement.
 * @param end where the change ends.
 */
export function undecodableChange(
  error: unknown,
  name: TableName | null,
  server: string,
  end: Coordinates,
): WaymarkError {
  const table = name === null ? null : `${name.schema}.${name.table}`;
  const what = table === null ? 'A statement' : `A change of ${table}`;
  return new WaymarkError(
    error instanceof WaymarkError ? error.code : 'protocol',
    `${what} before ${formatCoordinates(end)} on ${server} can't be read: ${messageOf(error)}`,
    { cause: error, details: { server, ...(table === null ? {} : { table }), ...end } },
  );
}
