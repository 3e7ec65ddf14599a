import { bitBytesOf, columnTypes } from './column-types.js';
import { geometryReader } from './geometry.js';
import { jsonReader } from './json-document.js';
import { jsonTextReader, writeJsonText } from './mariadb-json.js';
import { Malformed } from './malformed.js';
import { bitReader } from './bits.js';
import { decimalReader, doubleReader, floatReader, integerReader } from './numbers.js';
import { specialReader } from './uuid-and-inet.js';
import { vectorReader } from './vector.js';
import {
  binaryReader,
  compressedReader,
  compressedStringReader,
  enumReader,
  setReader,
  stringReader,
} from './strings.js';
import type { Column } from './column.js';
import {
  dateReader,
  dateTimeReader,
  oldDateTimeReader,
  oldTimeReader,
  oldTimestampReader,
  timeReader,
  timestampReader,
  yearReader,
} from './temporal.js';
import { lengthBytesOf, type ValueReader } from './value-reader.js';

const t = columnTypes;

/**
 * The reader of a column's values.
 * @throws Malformed if the table map says something impossible about the type, or too little to read past the
 * value.
 */
export function columnReader(column: Column): ValueReader {
  const { type, metadata, unsigned } = column;
  switch (type) {
    case t.tiny:
      return integerReader(1, unsigned);
    case t.short:
      return integerReader(2, unsigned);
    case t.int24:
      return integerReader(3, unsigned);
    case t.long:
      return integerReader(4, unsigned);
    case t.longLong:
      return integerReader(8, unsigned);
    case t.newDecimal:
      return decimalReader(metadata & 0xff, metadata >> 8, true);
    case t.float:
      return floatReader;
    case t.double:
      return doubleReader;
    case t.bit:
      return bitReader(bitBytesOf(metadata));
    case t.json:
      return jsonReader(lengthBytesOf(metadata));
    case t.geometry:
      return geometryReader(lengthBytesOf(metadata));
    case t.vector:
      return vectorReader(lengthBytesOf(metadata));
    default:
      return temporalReader(column) ?? characterReader(column);
  }
}

function temporalReader({ type, fraction }: Column): ValueReader | null {
  switch (type) {
    case t.year:
      return yearReader;
    case t.date:
      return dateReader;
    case t.timestamp2:
      return timestampReader(digitsOf(fraction));
    case t.dateTime2:
      return dateTimeReader(digitsOf(fraction));
    case t.time2:
      return timeReader(digitsOf(fraction));
    case t.timestamp:
      return oldTimestampReader(digitsOf(fraction));
    case t.dateTime:
      return oldDateTimeReader(digitsOf(fraction));
    case t.time:
      return oldTimeReader(digitsOf(fraction));
    default:
      return null;
  }
}

function digitsOf(fraction: number | null): number {
  if (fraction === null) {
    throw new Malformed(
      "its format is MariaDB's from before 10.1.2, whose length is not in the log, and the table's definition is not known; " +
        "ALTER TABLE … FORCE brings the table to today's format",
    );
  }
  if (fraction > 6) throw new Malformed(`a fraction of ${fraction} digits`);
  return fraction;
}

function characterReader(column: Column): ValueReader {
  const { type, metadata, charset, labels } = column;
  const isJson = column.special === 'json';
  const special = column.special === 'json' ? null : column.special;
  switch (type) {
    case t.enum:
      return enumReader(metadata, charset, labels);
    case t.set:
      return setReader(metadata, charset, labels);
    case t.string: {
      const prefix = metadata > 0xff ? 2 : 1;
      if (special !== null) return specialReader(special, prefix);
      return charset?.name === 'binary' ? binaryReader(metadata, prefix) : stringReader(charset, prefix);
    }
    case t.varchar:
    case t.varString: {
      const prefix = metadata > 0xff ? 2 : 1;
      return special === null ? stringReader(charset, prefix) : specialReader(special, prefix);
    }
    case t.varcharCompressed:
      return compressedStringReader(charset, metadata > 0xff ? 2 : 1);
    case t.blobCompressed:
      return isJson
        ? compressedReader(writeJsonText, lengthBytesOf(metadata))
        : compressedStringReader(charset, lengthBytesOf(metadata));
    case t.tinyBlob:
    case t.mediumBlob:
    case t.longBlob:
    case t.blob:
      return isJson
        ? jsonTextReader(lengthBytesOf(metadata))
        : stringReader(charset, lengthBytesOf(metadata));
    default:
      throw new Malformed(`type ${type} is not known`);
  }
}
