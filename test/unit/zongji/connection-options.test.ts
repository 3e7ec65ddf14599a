import { describe, expect, test } from 'vitest';
import { connectionOptions, instanceOf } from '../../../src/zongji/connection-options.js';

describe('options are found in', () => {
  test.each([
    ['options', { host: 'db1', user: 'u' }],
    ['a connection', { config: { host: 'db1', user: 'u' } }],
    ['a pool', { config: { connectionLimit: 5, connectionConfig: { host: 'db1', user: 'u' } } }],
    ['a URL', 'mysql://u@db1'],
    ['a URL among options', { uri: 'mysql://u@db1' }],
  ])('%s', (_form, dsn) => {
    expect(connectionOptions(dsn)).toMatchObject({ host: 'db1', user: 'u' });
  });

  test('the parameters of a URL', () => {
    expect(connectionOptions('mysql://a%40b:p%3A@db1:3307/shop?dateStrings=true&timezone=Z&x=[1]')).toEqual({
      ...{ host: 'db1', port: 3307, user: 'a@b', password: 'p:', dateStrings: true, timezone: 'Z', x: [1] },
    });
  });
});

describe('the server', () => {
  test('is localhost:3306 unless told otherwise', () => {
    const { address, account } = instanceOf({});
    expect(address).toEqual({ host: 'localhost', port: 3306 });
    expect([account.user, account.password.reveal(), account.tls]).toEqual(['', '', undefined]);
  });

  test('with TLS', () => {
    const ssl = { ca: Buffer.from('CA'), cert: 'C', key: 'K' };
    const { account } = instanceOf({ host: 'db1', user: 'u', password: 'p', ssl });
    expect(account.password.reveal()).toBe('p');
    expect(account.tls).toEqual({ ca: 'CA', cert: 'C', key: 'K', verify: true });
    expect(instanceOf({ ssl: { rejectUnauthorized: false } }).account.tls).toEqual({ verify: false });
    expect(instanceOf({ ssl: false }).account.tls).toBeUndefined();
  });

  test.each([{ socketPath: '/s' }, { stream: () => null }, { ssl: 'Amazon RDS' }])('not by %o', (options) => {
    expect(() => instanceOf(options)).toThrow(expect.objectContaining({ code: 'usage' }) as Error);
  });
});
