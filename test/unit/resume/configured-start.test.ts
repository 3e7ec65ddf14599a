import { describe, expect, test } from 'vitest';
import { type Address, formatAddress, parseAddress } from '../../../src/config/address.js';
import type { StartConfig } from '../../../src/config/schema.js';
import { Secret } from '../../../src/config/secret.js';
import { membersToBeginAt } from '../../../src/resume/configured-start.js';

describe('the members to begin on', () => {
  const [first, second] = ['db1:3306', 'db2:3306'].map(parseAddress) as [Address, Address];
  const servers = [
    { address: first, priority: 0 },
    { address: second, priority: 10 },
  ];
  const pool = [second, first].map((address) => ({
    name: formatAddress(address),
    instance: { address, account: { user: 'u', password: new Secret('') } },
    priority: 0,
    avoided: false,
  }));
  const names = (start: StartConfig): string[] =>
    membersToBeginAt(pool, { start, servers }).map(({ name }) => name);

  test('all, by priority', () => {
    expect(names({ at: 'latest' })).toEqual(['db2:3306', 'db1:3306']);
    expect(names({ at: 'hint', hint: 'asc:1' })).toEqual(['db2:3306', 'db1:3306']);
  });

  test('coordinates are those of the first in the list alone', () => {
    expect(names({ at: 'coordinates', file: 'mysql-bin.000018', position: 4 })).toEqual(['db1:3306']);
  });
});
