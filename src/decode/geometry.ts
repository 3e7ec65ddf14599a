import { ByteReader } from './byte-reader.js';
import type { JsonWriter } from './json-writer.js';
import { Malformed } from './malformed.js';
import { writeDouble } from './numbers.js';
import { endOf, type LengthBytes, type ValueReader } from './value-reader.js';

/** Kinds of geometries in WKB (OGC 06-103r4, 8.2.8), by number, and their names in GeoJSON (RFC 7946). */
const kinds = [
  '',
  'Point',
  'LineString',
  'Polygon',
  'MultiPoint',
  'MultiLineString',
  'MultiPolygon',
  'GeometryCollection',
] as const;

/** The deepest nesting of collections. The servers' own parsers allow far less. */
const maximumDepth = 100;

/**
 * GEOMETRY: a number of four bytes, the SRID, then WKB. It becomes GeoJSON plus `srid`. A value that isn't
 * WKB (MariaDB stores empty values) becomes `{"$base64": …}`.
 */
export function geometryReader(prefix: LengthBytes): ValueReader {
  return (bytes, at, out) => {
    const end = endOf(bytes, at, prefix);
    const start = out.at;
    try {
      const reader = new WkbReader(bytes, at + prefix, end);
      const srid = reader.uint(4);
      writeGeometry(reader, out, maximumDepth);
      if (!reader.ended) throw new Malformed('a geometry is followed by something');
      out.at -= 1;
      out.reserve(24);
      out.ascii(`,"srid":${srid}}`);
    } catch (error) {
      if (!(error instanceof Malformed)) throw error;
      out.at = start;
      out.base64(bytes, at + prefix, end);
    }
    return end;
  };
}

/** WKB: each geometry begins with its byte order, 0: the highest byte first, 1: the lowest. */
class WkbReader extends ByteReader {
  littleEndian = true;

  count(): number {
    const bytes = this.bytes(4);
    return this.littleEndian ? bytes.readUInt32LE() : bytes.readUInt32BE();
  }

  double(): number {
    const bytes = this.bytes(8);
    return this.littleEndian ? bytes.readDoubleLE() : bytes.readDoubleBE();
  }

  /** The kind of the geometry that begins here. */
  kind(): number {
    const order = this.uint(1);
    if (order > 1) throw new Malformed(`a byte order is ${order}`);
    this.littleEndian = order === 1;
    return this.count();
  }
}

function writeGeometry(reader: WkbReader, out: JsonWriter, depth: number): void {
  const kind = reader.kind();
  const name = kinds[kind] ?? '';
  if (name === '' || depth === 0) throw new Malformed(`a geometry has the kind ${kind}`);
  out.reserve(64);
  out.ascii(`{"type":"${name}","${kind === 7 ? 'geometries' : 'coordinates'}":`);
  writeCoordinates(kind, reader, out, depth);
  out.reserve(1);
  out.byte(0x7d);
}

function writeCoordinates(kind: number, reader: WkbReader, out: JsonWriter, depth: number): void {
  const writePoint = (): void => {
    out.reserve(64);
    out.byte(0x5b);
    writeDouble(reader.double(), out);
    out.byte(0x2c);
    writeDouble(reader.double(), out);
    out.byte(0x5d);
  };
  const writeLine = (): void => {
    writeList(reader, out, writePoint);
  };
  /**
   * Members of a collection of one kind. They are whole geometries in WKB. GeoJSON has only their
   * coordinates.
   */
  const writeMember = (): void => {
    const member = reader.kind();
    if (member !== kind - 3) throw new Malformed(`a member of a ${kinds[kind] ?? ''} has the kind ${member}`);
    writeCoordinates(member, reader, out, depth);
  };
  switch (kind) {
    case 1:
      writePoint();
      return;
    case 2:
      writeLine();
      return;
    case 3:
      writeList(reader, out, writeLine);
      return;
    case 7:
      writeList(reader, out, () => {
        writeGeometry(reader, out, depth - 1);
      });
      return;
    default:
      writeList(reader, out, writeMember);
  }
}

function writeList(reader: WkbReader, out: JsonWriter, writeItem: () => void): void {
  const count = reader.count();
  out.reserve(1);
  out.byte(0x5b);
  for (let index = 0; index < count; index += 1) {
    if (index > 0) {
      out.reserve(1);
      out.byte(0x2c);
    }
    writeItem();
  }
  out.reserve(1);
  out.byte(0x5d);
}
