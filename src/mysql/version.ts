import { WaymarkError } from '../util/errors.js';

export type Vendor = 'mysql' | 'mariadb';

/** A server's vendor and version, from `SELECT VERSION()`. */
export type ServerVersion = {
  readonly vendor: Vendor;
  readonly major: number;
  readonly minor: number;
  readonly patch: number;
  /** The whole text, for people. */
  readonly text: string;
  /** Set where a binlog server serves another server's logs: it knows the oldest statements alone. */
  readonly binlogServer?: true;
};

/**
 * Reads a version text such as `10.11.19-MariaDB-0+deb12u1-log`, `9.7.4` or `8.0.36-28` (Percona).
 * MariaDB's handshake puts `5.5.5-` before it for old clients; `VERSION()` does not.
 * @throws WaymarkError `protocol` when there are no numbers to read.
 */
export function parseServerVersion(text: string): ServerVersion {
  const vendor: Vendor = /mariadb/i.test(text) ? 'mariadb' : 'mysql';
  const match = /^(?:5\.5\.5-)?(\d+)\.(\d+)\.(\d+)/.exec(text);
  if (!match)
    throw new WaymarkError(
      'protocol',
      `The server calls its version "${text}", which has no numbers to go by`,
    );
  return { vendor, major: Number(match[1]), minor: Number(match[2]), patch: Number(match[3]), text };
}

/** Whether a version is at least the given one. */
export function isAtLeast(version: ServerVersion, major: number, minor = 0, patch = 0): boolean {
  if (version.major !== major) return version.major > major;
  if (version.minor !== minor) return version.minor > minor;
  return version.patch >= patch;
}
