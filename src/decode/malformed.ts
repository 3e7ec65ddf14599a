import { WaymarkError } from '../util/errors.js';

/** A value or a table map that isn't what the log's format says. Who knows the place makes a WaymarkError of it. */
export class Malformed extends Error {
  override readonly name = 'Malformed';
}

/** Where in the log something stands that can't be decoded. */
export type DecodePlace = {
  readonly schema: string;
  readonly table: string;
  readonly column?: string;
  /** Bytes from the beginning of the row images, or of the table map's body. */
  readonly offset: number;
};

/** `unsupported-event`: what can't be decoded, where, and why. */
export function undecodable(cause: unknown, place: DecodePlace): WaymarkError {
  const column = place.column === undefined ? '' : `, column ${place.column}`;
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new WaymarkError(
    'unsupported-event',
    `An event of ${place.schema}.${place.table}${column} can't be decoded (byte ${place.offset}): ${reason}`,
    { cause, details: place },
  );
}
