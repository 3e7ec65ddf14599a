import { expect, test } from 'vitest';
import { poolOptions } from '../../../src/zongji/pool-options.js';

const pool = {
  servers: ['db1:3306', 'db2:3306'],
  user: 'u',
  password: 'p',
  checkpoint: { store: 'file', path: 'state' },
};

test('one server is no pool', () => {
  expect(poolOptions({ host: 'db1' })).toBeNull();
});

test('a configuration, as the config file has it', () => {
  const config = poolOptions({ ...pool, stream: 'shop', dateStrings: true })?.configOf({ serverId: 7 });
  expect(config).toMatchObject({ stream: 'shop', serverId: 7, start: { at: 'earliest' }, user: 'u' });
  expect(config?.servers.map(({ address }) => address.host)).toEqual(['db1', 'db2']);
});

test.each([
  [{}, { at: 'earliest' }],
  [{ startAtEnd: true }, { at: 'latest' }],
  [
    { filename: 'bin.000003', position: 99, startAtEnd: true },
    { at: 'coordinates', file: 'bin.000003', position: 99 },
  ],
  [{ filename: 'bin.000003' }, { at: 'coordinates', file: 'bin.000003', position: 4 }],
])('start(%o)', (options, start) => {
  expect(poolOptions(pool)?.configOf(options).start).toEqual(start);
});

test.each([
  [{ host: 'db1' }, /not both/],
  [{ ssl: {} }, /tls/],
  [{ checkpoint: undefined }, /checkpoint/],
  [{ servers: [] }, /servers/],
  [{ user: undefined }, /user/],
])('%o is refused', (change, message) => {
  expect(() => poolOptions({ ...pool, ...change })).toThrow(message);
});

test('what a pool does not do is refused at the start', () => {
  const { configOf } = poolOptions(pool)!;
  expect(() => configOf({ gtidSet: '' })).toThrow(/gtidSet/);
  expect(() => configOf({ nonBlock: true })).toThrow(/nonBlock/);
  expect(() => configOf({ nonBlock: false, gtidSet: undefined })).not.toThrow();
});
