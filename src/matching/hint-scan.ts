import { unpackedBytesOf } from '../binlog/compression.js';
import type { Coordinates } from '../binlog/coordinates.js';
import { type DumpOptions, readDump } from '../dump/dump-stream.js';
import { eventServerId, EventType, eventType, type EventVisitor } from '../binlog/event.js';
import { readMeaning, readStatement, statementOffset } from '../binlog/query-event.js';
import { type Hint, type HintFormat, hintRecogniser } from '../hints/hint.js';

/** A hint, and the place of its statement in a server's binary log. */
export type HintPlace = {
  readonly hint: Hint;
  readonly file: string;
  /** Where the statement's event begins. */
  readonly position: number;
  /** Right after it: a place between transactions. */
  readonly endPosition: number;
  /** Where it was injected: the source of that time. */
  readonly serverId: number;
};

/** How a log is scanned. */
export type ScanOptions = Pick<
  DumpOptions,
  'instance' | 'signal' | 'maximumBytesPerSecond' | 'connectTimeoutMs' | 'silenceMs' | 'nonBlocking'
> & { readonly onProgress?: (progress: ScanProgress) => void };

export type HintScanOptions = ScanOptions & { readonly format: HintFormat };

/** How far a scan has come in the file that it reads. */
export type ScanProgress = { readonly file: string; readonly bytesScanned: number };

/** What a scan has read when it ends. */
export type ScanResult = { readonly bytesScanned: number };

/**
 * Reads a server's binary log from `start` to its end (with `nonBlocking: false` beyond it, waiting for more), or
 * until `visit` gives true, and shows `visit` every hint. Reads only headers and the first bytes of statements, so it
 * runs at the speed of the network.
 * @throws what readDump throws.
 */
export async function scanHints(
  start: Coordinates,
  options: HintScanOptions,
  visit: (place: HintPlace) => boolean,
  onFile: (file: string) => boolean = () => false,
): Promise<ScanResult> {
  const { onProgress, format } = options;
  const recognise = hintRecogniser(format);
  let bytesScanned = 0;
  const state = { stopped: false, file: start.file };
  const event: EventVisitor = (buffer, eventStart, end, place) => {
    if (state.stopped) return;
    bytesScanned += end - eventStart;
    if (place.file !== state.file) {
      state.file = place.file;
      state.stopped = onFile(place.file);
    }
    const type = eventType(buffer, eventStart);
    if (type !== EventType.query && type !== EventType.mariadbQueryCompressed) return;
    if (!mayBeHint(buffer, eventStart, end)) return;
    const statement = readStatement(buffer, eventStart, end);
    const hint = recognise(readMeaning(statement, buffer, eventStart, end, null));
    if (hint === null) return;
    state.stopped = visit({
      hint,
      file: place.file,
      position: place.start,
      endPosition: place.end,
      serverId: eventServerId(buffer, eventStart),
    });
  };
  for await (const batch of readDump({ nonBlocking: true, ...options, start })) {
    batch.forEach(event);
    onProgress?.({ file: batch.end.file, bytesScanned });
    if (state.stopped) break;
  }
  return { bytesScanned };
}

/** The possible lengths of a hint statement, and its first letter. These rule out almost every other statement. */
const shortestStatementBytes = 20;
const longestStatementBytes = 400;

function mayBeHint(buffer: Buffer, start: number, end: number): boolean {
  const offset = statementOffset(buffer, start, end);
  if (eventType(buffer, start) === EventType.mariadbQueryCompressed) {
    return isHintLong(unpackedBytesOf(buffer.subarray(offset, end)));
  }
  if (!isHintLong(end - offset)) return false;
  const first = buffer.readUInt8(offset);
  // D, d, or white space before it.
  return first === 0x44 || first === 0x64 || first <= 0x20;
}

function isHintLong(bytes: number): boolean {
  return bytes >= shortestStatementBytes && bytes <= longestStatementBytes;
}
