import { WaymarkError } from '../util/errors.js';

/**
 * A value or a table map that violates the log's format. Code that knows the place turns it into a
 * WaymarkError.
 */
export class Malformed extends Error {
  override readonly name = 'Malformed';
}

/** The place in the log that can't be decoded. */
export type DecodePlace = {
  readonly schema: string;
  readonly table: string;
  readonly column?: string;
  /** Bytes from the beginning of the row images, or of the table map's body. */
  readonly offset: number;
};

/** Makes an `unsupported-event` that says what can't be decoded, where, and why. */
export function undecodable(cause: unknown, place: DecodePlace): WaymarkError {
  const column = place.column === undefined ? '' : `, column ${place.column}`;
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new WaymarkError(
    'unsupported-event',
    `An event of ${place.schema}.${place.table}${column} can't be decoded (byte ${place.offset}): ${reason}`,
    { cause, details: place },
  );
}
