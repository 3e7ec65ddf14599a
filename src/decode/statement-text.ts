import type { LoggedStatement } from '../binlog/query-event.js';
import { charsetOfCollation } from './charset.js';
import { JsonWriter } from './json-writer.js';
import type { WriteText } from './unicode-text.js';

/** A statement as its session meant it. */
export type StatementText = {
  readonly text: string;
  /**
   * Whether the text is exact. Bytes that are invalid in the session's character set are replaced by U+FFFD.
   * Servers write what they add to a statement as UTF-8, whatever the set: names of accounts (MySQL) and
   * routines, and the whole logged form of CREATE TABLE … SELECT. The log doesn't mark these parts.
   */
  readonly isSure: boolean;
};

/**
 * The text of a statement, decoded by the session's character set, as replicas do. If the log doesn't have
 * the set, or if it is `binary`, the text counts as UTF-8, as servers do with names. The same holds for
 * `swe7`. It has letters in place of SQL's brackets, backslashes and backticks, and servers parse these all
 * the same. All other client sets contain ASCII.
 */
export function textOfStatement({ sql, bytes, session }: LoggedStatement): StatementText {
  const write = writerOf(session?.collation ?? null);
  if (write === null || (bytes === undefined && isAscii(sql))) {
    return { text: sql, isSure: bytes === undefined };
  }
  const content = bytes ?? Buffer.from(sql);
  const text = textOf(write, content);
  return text === null
    ? { text: readableText(write, content), isSure: false }
    : { text, isSure: !hasUtf8.test(sql) };
}

/** A character beyond ASCII, out of bytes read as UTF-8. */
const hasUtf8 = /[^\0-\x7f\ufffd]/;

/**
 * How to write text of the set. Null for UTF-8, and for utf8mb3, which may contain longer characters here.
 */
function writerOf(collation: number | null): WriteText | null {
  const charset = collation === null ? undefined : charsetOfCollation(collation);
  return charset === undefined || /^(?:utf8mb[34]|swe7)$/.test(charset.name) ? null : charset.write;
}

function isAscii(sql: string): boolean {
  return Buffer.byteLength(sql) === sql.length;
}

/** Text of a character set. Null if the bytes are none. */
export function textOf(write: WriteText, bytes: Uint8Array): string | null {
  const out = new JsonWriter(bytes.length + 64);
  if (!write(bytes, 0, bytes.length, out)) return null;
  return String(JSON.parse(out.bytes.toString('utf8', 0, out.at)));
}

/** No set of a client has longer characters. */
const longestCharacter = 4;
const replacement = '\ufffd';

/** The text, with U+FFFD for each invalid byte. */
function readableText(write: WriteText, bytes: Uint8Array): string {
  const out = new JsonWriter(64);
  const isCharacter = (from: number, to: number): boolean => {
    out.at = 0;
    return to <= bytes.length && write(bytes, from, to, out);
  };
  const single = new Set(
    Array.from({ length: 256 }, (_, byte) => byte).filter((byte) => {
      out.at = 0;
      return write(Uint8Array.of(byte), 0, 1, out);
    }),
  );
  const parts: string[] = [];
  let textStart = 0;
  for (let at = 0; at < bytes.length;) {
    let length = single.has(bytes[at] ?? 0) ? 1 : 2;
    while (length > 1 && length <= longestCharacter && !isCharacter(at, at + length)) length += 1;
    if (length <= longestCharacter) {
      at += length;
      continue;
    }
    parts.push(textOf(write, bytes.subarray(textStart, at)) ?? '', replacement);
    at += 1;
    textStart = at;
  }
  parts.push(textOf(write, bytes.subarray(textStart)) ?? '');
  return parts.join('');
}
