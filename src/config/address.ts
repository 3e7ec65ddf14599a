import { isIPv4, isIPv6 } from 'node:net';

import { WaymarkError } from '../util/errors.js';

/** A server's address as people write it. */
export type Address = {
  /**
   * Host name (lower case), IPv4 address, IPv6 address (without brackets), or the path of a Unix socket, which begins
   * with `/`.
   */
  readonly host: string;
  /** 0 for a Unix socket. */
  readonly port: number;
};

const mysqlPort = 3306;
const hostName = /^(?!-)[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*\.?$/;

const socketScheme = 'unix:';
/** The system's limit (unix(7): `sun_path`). */
const longestSocketPath = 107;

/**
 * Reads `host`, `host:port`, `[IPv6]`, `[IPv6]:port` or `unix:/path`; the port is 3306 when it is left out.
 * @throws WaymarkError `usage` with an example when the text has another form.
 */
export function parseAddress(text: string): Address {
  const path = text.trim();
  if (path.startsWith(socketScheme)) return { host: socketPath(path.slice(socketScheme.length)), port: 0 };
  const { host, port } = split(text);
  if (port === 0) throw complaint(text, 'there is no server on port 0');
  return { host, port: port ?? mysqlPort };
}

/**
 * Reads an address to listen on: as parseAddress, but the port must be there, and 0 means any free one.
 * @throws WaymarkError `usage` with an example when the text has another form.
 */
export function parseListenAddress(text: string): Address {
  const { host, port } = split(text);
  if (port === null) throw complaint(text, 'the port is missing', '127.0.0.1:9464');
  return { host, port };
}

/** `host:port`, IPv6 addresses in brackets, `unix:/path`: the form that parseAddress reads. */
export function formatAddress(address: Address): string {
  const path = socketPathOf(address);
  if (path !== null) return `${socketScheme}${path}`;
  const host = address.host.includes(':') ? `[${address.host}]` : address.host;
  return `${host}:${String(address.port)}`;
}

/** The path of the Unix socket that an address is. Null if it is a host and a port. */
export function socketPathOf({ host }: Address): string | null {
  return host.startsWith('/') ? host : null;
}

/** Whether a host is this machine, and can't be reached from others. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIPv4(host) && host.startsWith('127.'));
}

function socketPath(path: string): string {
  const bytes = Buffer.byteLength(path);
  // A control character in a path is a mistake.
  if (/^\/[^\p{Cc}]+$/u.test(path) && !path.endsWith('/') && bytes <= longestSocketPath) return path;
  throw new WaymarkError(
    'usage',
    'A Unix socket needs an absolute path of at most ' +
      `${String(longestSocketPath)} bytes: write unix:/PATH, for example unix:/run/mysqld/mysqld.sock`,
  );
}

function split(text: string): { host: string; port: number | null } {
  const trimmed = text.trim();
  if (isIPv6(trimmed)) throw complaint(text, 'an IPv6 address needs brackets', `[${trimmed}]:3306`);
  const match = /^(?:\[([^\]]*)\]|([^:[\]]*))(?::(\d{1,5}))?$/.exec(trimmed);
  if (match === null) throw complaint(text);
  const [, bracketed, plain, digits] = match;
  const host = (bracketed ?? plain ?? '').toLowerCase();
  if (bracketed !== undefined ? !isIPv6(host) : !isHost(host)) {
    throw complaint(
      text,
      host === '' ? 'the host is missing' : `"${host}" is neither a host name nor an IP address`,
    );
  }
  const port = digits === undefined ? null : Number(digits);
  if (port !== null && port > 65_535) throw complaint(text, 'the highest port is 65535');
  return { host, port };
}

function isHost(host: string): boolean {
  // A text of digits and dots is meant as an IPv4 address.
  return /^[\d.]+$/.test(host) ? isIPv4(host) : host.length <= 253 && hostName.test(host);
}

/** Whether a text may contain a password: it is a URL, or has an account in it. */
export function mayHaveSecret(text: string): boolean {
  return /[@?]|:\/\//.test(text);
}

function complaint(
  text: string,
  reason?: string,
  example = 'db1.example.com:3306 or [::1]:3306',
): WaymarkError {
  if (mayHaveSecret(text)) {
    return new WaymarkError(
      'usage',
      `This is not an address: write only HOST:PORT, for example ${example}. User and password have keys of their own ` +
        '(or set WAYMARK_USER and WAYMARK_PASSWORD)',
    );
  }
  const because = reason === undefined ? '' : ` (${reason})`;
  return new WaymarkError(
    'usage',
    `"${text}" is not an address${because}: write HOST:PORT, for example ${example}`,
  );
}
