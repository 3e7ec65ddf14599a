import { WaymarkError } from '../util/errors.js';

/** A place in one server's binary log: a file and a byte offset in it. Means nothing on another server. */
export type Coordinates = {
  readonly file: string;
  /** Bytes from the start of the file; the first event of every file stands at 4, behind the magic number. */
  readonly position: number;
};

/** Position of the first event of every binary log file (4 bytes of magic number before it). */
export const firstPosition = 4;

/** `file:position`, the form in which people write coordinates. */
export function formatCoordinates(coordinates: Coordinates): string {
  return `${coordinates.file}:${String(coordinates.position)}`;
}

/**
 * Reads `file:position`.
 * @throws WaymarkError `usage` when the text has another form.
 */
export function parseCoordinates(text: string): Coordinates {
  const match = /^([^:/\\\s]+):(\d{1,15})$/.exec(text.trim());
  const file = match?.[1];
  const position = Number(match?.[2]);
  if (file === undefined || position < firstPosition) {
    throw new WaymarkError(
      'usage',
      `"${text}" is not a pair of binlog coordinates: write FILE:POSITION, for example mysql-bin.000018:4` +
        (file !== undefined ? ' (no event begins before position 4)' : ''),
    );
  }
  return { file, position };
}

/**
 * Which of two places of one server's log is further; null where their names don't belong to one log. Names of one log
 * differ in the number at their end only, which may get longer. For a judgement, never for reading.
 */
export function compareCoordinates(a: Coordinates, b: Coordinates): number | null {
  const [left, right] = [nameOf(a), nameOf(b)];
  if (left?.base !== right?.base || !left || !right) return null;
  return left.number - right.number || a.position - b.position;
}

function nameOf({ file }: Coordinates): { base: string; number: number } | null {
  const [, base, number] = /^(.+)\.(\d+)$/.exec(file) ?? [];
  return base === undefined ? null : { base, number: Number(number) };
}
