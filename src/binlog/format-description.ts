import { headerBytes } from './event.js';

/** What a log file says about the events in it. */
export type LogFormat = {
  readonly serverVersion: string;
  /** Bytes of checksum behind every event: 4 (CRC32) or 0. */
  readonly checksumBytes: 0 | 4;
  /** Table ids take 6 bytes in every log since MySQL 5.1.4. */
  readonly tableIdBytes: 4 | 6;
};

/** Whether a file was written by MariaDB, as its FORMAT_DESCRIPTION_EVENT says. */
export function isMariadbLog(buffer: Buffer, start: number): boolean {
  return buffer.toString('latin1', start + headerBytes + 2, start + headerBytes + 52).includes('MariaDB');
}

const tableMapPostHeaderIndex = 18;

/**
 * Reads a FORMAT_DESCRIPTION_EVENT: binlog version (2), server version (50), created (4), header length (1), then
 * the length of every type's post-header; from the first version with checksums on, the algorithm (1) and this
 * event's own checksum (4), which is there even when the algorithm is 0 = off.
 * MySQL: libs/mysql/binlog/event/control_events.cpp; MariaDB: sql/log_event.cc, get_checksum_alg.
 */
export function readFormatDescription(buffer: Buffer, start: number, endWithChecksum: number): LogFormat {
  const body = start + headerBytes;
  const rawVersion = buffer.toString('latin1', body + 2, body + 52);
  const terminator = rawVersion.indexOf('\0');
  const serverVersion = terminator < 0 ? rawVersion : rawVersion.slice(0, terminator);
  const postHeaders = body + 57;
  const tableMapPostHeader = buffer.readUInt8(postHeaders + tableMapPostHeaderIndex);
  const algorithm = hasChecksums(serverVersion) ? buffer.readUInt8(endWithChecksum - 5) : 0;
  return {
    serverVersion,
    checksumBytes: algorithm === 1 ? 4 : 0,
    tableIdBytes: tableMapPostHeader === 6 ? 4 : 6,
  };
}

/** Checksums came with MySQL 5.6.1 and MariaDB 5.3.0. */
function hasChecksums(serverVersion: string): boolean {
  const [major = 0, minor = 0, patch = 0] = (/^\d+\.\d+\.\d+/.exec(serverVersion)?.[0] ?? '')
    .split('.')
    .map(Number);
  if (/mariadb/i.test(serverVersion)) return major > 5 || (major === 5 && minor >= 3);
  return major > 5 || (major === 5 && (minor > 6 || (minor === 6 && patch >= 1)));
}
