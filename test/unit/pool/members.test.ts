import { expect, test } from 'vitest';
import { parseAddress } from '../../../src/config/address.js';
import { parseConfig } from '../../../src/config/load.js';
import { poolOf } from '../../../src/pool/members.js';
import { Secret } from '../../../src/config/secret.js';

const account = { user: 'u', password: new Secret('p') };

test('discovered members come after configured ones of their priority; one that is configured is none of them', () => {
  const config = parseConfig(
    `stream: a
servers: [{address: 'low:1', priority: 0}, {address: 'high:1', priority: 5}, 'avoided:1']
user: u
password: p
checkpoint: {store: file, path: x}
failover: {avoid: ['avoided:1', 'found2:1']}`,
    'w.yaml',
    {},
  );
  const discovered = ['found:1', 'low:1', 'found2:1'].map(parseAddress);
  expect(
    poolOf(config, account, discovered).map(({ name, priority, avoided, discovered: found }) => [
      ...[name, priority, avoided, found ?? false],
    ]),
  ).toEqual([
    ['high:1', 5, false, false],
    ['low:1', 0, false, false],
    ['found:1', 0, false, true],
    ['avoided:1', 0, true, false],
    ['found2:1', 0, true, true],
  ]);
});
