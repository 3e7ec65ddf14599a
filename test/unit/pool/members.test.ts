import { expect, test } from 'vitest';
import { parseAddress } from '../../../src/config/address.js';
import { parseConfig } from '../../../src/config/load.js';
import { configuredSource, poolOf } from '../../../src/pool/members.js';
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
  const discovered = ['found:1', 'low:1', 'found2:1'].map((text) => ({
    address: parseAddress(text),
    of: null,
  }));
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

test('the addresses of a host name take its place, with all that the configuration says of it', () => {
  const config = parseConfig(
    `stream: a
servers: ['10.0.0.1', {address: 'pool:3306', priority: 2, kind: server}, 'other', 'avoided']
source: 'sources'
user: u
password: p
checkpoint: {store: file, path: x}
failover: {avoid: [avoided, '10.0.0.3']}`,
    'w.yaml',
    {},
  );
  const of = (name: string | null, ...texts: string[]) =>
    texts.map((text) => ({ address: parseAddress(text), of: name }));
  const found = [
    ...of('pool:3306', '10.0.0.1', '10.0.0.2', '10.0.0.3'),
    ...of('other:3306', '10.0.0.2'),
    ...of('avoided:3306', '10.0.0.4'),
    ...of('sources:3306', '10.0.0.5', '10.0.0.6'),
    ...of('not configured:3306', '10.0.0.7'),
    ...of(null, '10.0.0.8'),
  ];
  const pool = poolOf(config, account, found);
  expect(
    pool.map(({ name, priority, avoided, instance }) => [name, priority, avoided, instance.certificateName]),
  ).toEqual([
    ['10.0.0.2:3306', 2, false, 'pool'],
    // Configured by its address.
    ['10.0.0.1:3306', 0, false, undefined],
    ['10.0.0.5:3306', 0, false, 'sources'],
    ['10.0.0.6:3306', 0, false, 'sources'],
    ['10.0.0.8:3306', 0, false, undefined],
    ['10.0.0.3:3306', 2, true, 'pool'],
    ['10.0.0.4:3306', 0, true, 'avoided'],
  ]);
  expect(pool[0]?.instance.kind).toBe('server');
  expect(configuredSource(config, account, found)).toBeNull();
  expect(configuredSource(config, account, of('pool:3306', '10.0.0.2'))?.name).toBe('sources:3306');
});
