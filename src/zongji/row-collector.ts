import type { RowOperation } from '../binlog/rows-event.js';
import { imageValues } from '../decode/image-values.js';
import type { JsonWriter } from '../decode/json-writer.js';
import type { RowVisitor } from '../decode/row-reader.js';
import type { EventBytes } from './events.js';
import type { RowData, RowValues } from './row-values.js';
import {
  DeleteRows,
  type RowsEvent,
  type RowsParts,
  type UpdatedRow,
  UpdateRows,
  WriteRows,
} from './table-events.js';

/** Takes the rows of an event as they are decoded, and makes the event of them. */
export class RowCollector implements RowVisitor {
  readonly #operation: RowOperation;
  readonly #values: RowValues;
  readonly #out: JsonWriter;
  readonly #rows: RowData[] = [];
  readonly #updated: UpdatedRow[] = [];
  /** Where the second image begins. */
  #middle = 0;

  constructor(operation: RowOperation, values: RowValues, out: JsonWriter) {
    this.#operation = operation;
    this.#values = values;
    this.#out = out;
  }

  before(): void {
    this.#out.at = 0;
    this.#out.inexact = false;
  }

  between(): void {
    this.#middle = this.#out.at;
  }

  after(): void {
    const { at } = this.#out;
    if (this.#operation !== 'update') this.#rows.push(this.#row(0, at));
    else this.#updated.push({ before: this.#row(0, this.#middle), after: this.#row(this.#middle, at) });
  }

  /** The event of the rows that have been taken. */
  event(bytes: EventBytes, parts: RowsParts): RowsEvent {
    switch (this.#operation) {
      case 'insert':
        return new WriteRows(bytes, parts, this.#rows);
      case 'delete':
        return new DeleteRows(bytes, parts, this.#rows);
      case 'update':
        return new UpdateRows(bytes, parts, this.#updated);
    }
  }

  #row(start: number, end: number): RowData {
    const { bytes, inexact } = this.#out;
    const json = bytes.subarray(start, end);
    return this.#values.row(imageValues(json, inexact), inexact ? json.toString('utf8') : null);
  }
}
