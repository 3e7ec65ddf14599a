import { describe, expect, it } from 'vitest';

import {
  formatServers,
  normalizeZnodePath,
  parseZooKeeperAddress,
  resolveServers,
} from '../../../src/config/zookeeper-address.js';

const configError = expect.objectContaining({ code: 'config' }) as Error;

describe('the address of ZooKeeper', () => {
  it('has servers, ports and perhaps a path', () => {
    const address = parseZooKeeperAddress('zk1:2182, zk2,[::1]:2183,[fd00::1]/apps/waymark/');
    expect(address.servers.map(({ port }) => port)).toEqual([2182, 2181, 2183, 2181]);
    expect(address.chroot).toBe('/apps/waymark');
    expect(formatServers(address)).toBe('zk1:2182, zk2:2181, [::1]:2183, [fd00::1]:2181');
    expect(parseZooKeeperAddress('zk1/').chroot).toBe('');
  });

  it.each(['', 'zk1,', 'zk 1', 'zk1:port', 'zk1:99999', '::1', 'zk1//x'])('is refused as %j', (text) => {
    expect(() => parseZooKeeperAddress(text)).toThrow(configError);
  });

  it('is given to clients as IP addresses, leaving out what has none', async () => {
    const named = parseZooKeeperAddress('127.0.0.1:2182,no-such-host.invalid,[::1]/x');
    expect(await resolveServers(named)).toEqual({
      servers: [
        { host: '127.0.0.1', port: 2182 },
        { host: '::1', port: 2181 },
      ],
      chroot: '/x',
    });
    await expect(resolveServers(parseZooKeeperAddress('no-such-host.invalid'))).rejects.toThrow();
  });
});

describe('the path of a znode', () => {
  it('is absolute and has no empty part', () => {
    expect(normalizeZnodePath('/')).toBe('/');
    expect(normalizeZnodePath('/waymark/eu/')).toBe('/waymark/eu');
    for (const path of ['', 'waymark', '//', '/a//b', '/a/../b', '/./a', '/a\u0000']) {
      expect(() => normalizeZnodePath(path)).toThrow(configError);
    }
  });
});
