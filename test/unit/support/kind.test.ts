import { expect, test } from 'vitest';
import { parseKind } from '../../servers/kind.js';

test.each([
  ['mariadb', { vendor: 'mariadb', version: undefined, settings: {} }],
  ['mariadb:11.8', { vendor: 'mariadb', version: '11.8', settings: {} }],
  ['mysql:9.7', { vendor: 'mysql', version: '9.7', settings: { gtid_mode: 'ON' } }],
  ['mysql:9.7:gtid-on', { vendor: 'mysql', version: '9.7', settings: { gtid_mode: 'ON' } }],
  ['mysql:9.7:gtid-off', { vendor: 'mysql', version: '9.7', settings: { gtid_mode: 'OFF' } }],
])('the kind %s', (text, expected) => {
  expect(parseKind(text)).toMatchObject(expected);
});

test.each(['', 'oracle', 'mysql:9.7:gtid', 'mariadb:10.11:gtid-off', 'mysql:9.7:gtid-on:x'])(
  'no kind: "%s"',
  (text) => {
    expect(() => parseKind(text)).toThrow(/WAYMARK_TEST_SERVER/);
  },
);
