import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { formatAddress, parseAddress, parseListenAddress } from '../../../src/config/address.js';
import { parseZooKeeperAddress } from '../../../src/config/zookeeper-address.js';
import { hasCode } from '../../../src/util/errors.js';

describe('parseAddress', () => {
  test.each([
    ['db1:3307', 'db1', 3307],
    ['db1', 'db1', 3306],
    [' DB1.Example.com:3306 ', 'db1.example.com', 3306],
    ['127.0.0.1:3402', '127.0.0.1', 3402],
    ['[::1]:3402', '::1', 3402],
    ['[2001:DB8::3]', '2001:db8::3', 3306],
    ['my_db-2:1', 'my_db-2', 1],
    ['unix:/run/mysqld/mysqld.sock', '/run/mysqld/mysqld.sock', 0],
  ])('reads %s', (text, host, port) => {
    expect(parseAddress(text)).toEqual({ host, port });
  });

  test.each([
    ['', 'the host is missing'],
    [':3306', 'the host is missing'],
    ['db1:', 'is not an address'],
    ['db1:99999', 'the highest port is 65535'],
    ['db1:0', 'no server on port 0'],
    ['db1:33:06', 'is not an address'],
    ['::1', 'an IPv6 address needs brackets): write HOST:PORT, for example [::1]:3306'],
    ['[::g]:3306', 'neither a host name nor an IP address'],
    ['[db1]:3306', 'neither a host name nor an IP address'],
    ['300.1.1.1:3306', 'neither a host name nor an IP address'],
    ['mysql://db1', 'not an address'],
    ['unix:mysqld.sock', 'needs an absolute path'],
    ['unix:/run/', 'needs an absolute path'],
    [`unix:/${'x'.repeat(107)}`, 'at most 107 bytes'],
    ['db 1:3306', 'neither a host name nor an IP address'],
  ])('refuses "%s" with an example', (text, message) => {
    expect(() => parseAddress(text)).toThrow(message);
    expect(() => parseAddress(text)).toThrow(/for example /);
  });

  test.each([
    'user:geheim@db1:3306',
    'mysql://user:geheim@db1/shop',
    'db1:3306?password=geheim',
    'u:a@geheim@db1',
  ])('what may have a password in it is not repeated (%#)', (text) => {
    for (const parse of [parseAddress, parseListenAddress, parseZooKeeperAddress]) {
      expect(() => parse(text)).toThrow(/: write /);
      expect(() => parse(text)).not.toThrow(/geheim/);
    }
  });

  test('reads what formatAddress writes', () => {
    const host = fc.oneof(fc.domain(), fc.ipV4(), fc.ipV6());
    fc.assert(
      fc.property(host, fc.integer({ min: 1, max: 65_535 }), (name, port) => {
        const address = { host: name.toLowerCase(), port };
        expect(parseAddress(formatAddress(address))).toEqual(address);
      }),
    );
  });

  test('gives an address that survives formatting, or a usage error, whatever comes in', () => {
    const text = fc.oneof(fc.string(), fc.stringMatching(/^\[?[a-f0-9.:%_-]{0,12}\]?(:\d{0,6})?$/));
    fc.assert(
      fc.property(text, (input) => {
        try {
          const address = parseAddress(input);
          expect(parseAddress(formatAddress(address))).toEqual(address);
        } catch (error) {
          expect(hasCode(error, 'usage')).toBe(true);
        }
      }),
      { numRuns: 1_000 },
    );
  });
});

describe('parseListenAddress', () => {
  test('takes port 0 and wants a port', () => {
    expect(parseListenAddress('127.0.0.1:0')).toEqual({ host: '127.0.0.1', port: 0 });
    expect(() => parseListenAddress('127.0.0.1')).toThrow('the port is missing');
  });
});
