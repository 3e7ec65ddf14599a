import { WaymarkError } from '../util/errors.js';

/** Who makes the server. Percona Server counts as MySQL. */
export type Vendor = 'mysql' | 'mariadb';

/** A server's vendor and version, from `SELECT VERSION()`. */
export type ServerVersion = {
  readonly vendor: Vendor;
  readonly major: number;
  readonly minor: number;
  readonly patch: number;
  /** The whole text, for people. */
  readonly text: string;
  /** Set for a binlog server, which serves another server's logs. It knows only the oldest statements. */
  readonly binlogServer?: true;
};

/**
 * Parses a version text such as `10.11.19-MariaDB-0+deb12u1-log`, `9.7.4` or `8.0.36-28` (Percona). MariaDB's handshake
 * puts `5.5.5-` before it for old clients. `VERSION()` does not.
 * @throws WaymarkError `protocol` if the text begins with no version number.
 */
export function parseServerVersion(text: string): ServerVersion {
  const vendor: Vendor = /mariadb/i.test(text) ? 'mariadb' : 'mysql';
  const match = /^(?:5\.5\.5-)?(\d+)\.(\d+)\.(\d+)/.exec(text);
  if (!match)
    throw new WaymarkError('protocol', `The server's version "${text}" begins with no version number`);
  return { vendor, major: Number(match[1]), minor: Number(match[2]), patch: Number(match[3]), text };
}

/** Whether a version is at least the given one. */
export function isAtLeast(version: ServerVersion, major: number, minor = 0, patch = 0): boolean {
  if (version.major !== major) return version.major > major;
  if (version.minor !== minor) return version.minor > minor;
  return version.patch >= patch;
}
