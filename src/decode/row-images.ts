import type { RowsEvent } from '../binlog/rows-event.js';
import { JsonWriter } from './json-writer.js';
import type { RowReader, RowVisitor } from './row-reader.js';

/** A row image as a RowReader has written it: JSON, and whether JSON.stringify would give another one. */
export type WrittenImage = { readonly json: Buffer; readonly inexact: boolean };

/**
 * Called with the images of a row. The second one is the new row of an update. Read them before the next row
 * comes.
 */
export type TakeImages = (first: WrittenImage, second: WrittenImage | null, isPartial: boolean) => void;

/** A writer that has grown beyond this isn't kept. */
const keptBytes = 4 * 1024 * 1024;

/** Returns the images of events' rows one row after the other, as they are decoded. */
export class RowImages {
  #out = new JsonWriter();

  /** Errors as in RowReader.read. */
  read(reader: RowReader, event: RowsEvent, buffer: Buffer, take: TakeImages): void {
    const out = this.#out;
    reader.read(event, buffer, out, visitorOf(out, take));
    if (out.bytes.length > keptBytes) this.#out = new JsonWriter();
  }
}

function visitorOf(out: JsonWriter, take: TakeImages): RowVisitor {
  /** Where the second image begins. */
  let middle: number | null = null;
  return {
    before() {
      out.at = 0;
      out.inexact = false;
      middle = null;
    },
    between() {
      middle = out.at;
    },
    after(isPartial) {
      const { bytes, at, inexact } = out;
      const first = { json: bytes.subarray(0, middle ?? at), inexact };
      take(first, middle === null ? null : { json: bytes.subarray(middle, at), inexact }, isPartial);
    },
  };
}
