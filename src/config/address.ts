import { isIPv4, isIPv6 } from 'node:net';

import { WaymarkError } from '../util/errors.js';

/** A server's address as people write it. */
export type Address = {
  /** Host name (lower case), IPv4 or IPv6 address (without brackets). */
  readonly host: string;
  readonly port: number;
};

const mysqlPort = 3306;
const hostName = /^(?!-)[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*\.?$/;

/**
 * Reads `host`, `host:port`, `[IPv6]` or `[IPv6]:port`; the port is 3306 when it is left out.
 * @throws WaymarkError `usage` with an example when the text has another form.
 */
export function parseAddress(text: string): Address {
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

/** `host:port`, IPv6 addresses in brackets: the form that parseAddress reads. */
export function formatAddress(address: Address): string {
  const host = address.host.includes(':') ? `[${address.host}]` : address.host;
  return `${host}:${String(address.port)}`;
}

function split(text: string): { host: string; port: number | null } {
  const trimmed = text.trim();
  if (isIPv6(trimmed)) throw complaint(text, 'an IPv6 address stands in brackets', `[${trimmed}]:3306`);
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
  if (port !== null && port > 65_535) throw complaint(text, 'ports end at 65535');
  return { host, port };
}

function isHost(host: string): boolean {
  // Digits and dots alone are meant as an IPv4 address, and no name server knows a wrong one.
  return /^[\d.]+$/.test(host) ? isIPv4(host) : host.length <= 253 && hostName.test(host);
}

function complaint(
  text: string,
  reason?: string,
  example = 'db1.example.com:3306 or [::1]:3306',
): WaymarkError {
  const because = reason === undefined ? '' : ` (${reason})`;
  return new WaymarkError(
    'usage',
    `"${text}" is not an address${because}: write HOST:PORT, for example ${example}`,
  );
}
