import { describe, expect, test } from 'vitest';
import { parseGrants } from '../../../src/mysql/grants.js';
import { quoteAccount, quoteName, quoteText } from '../../../src/mysql/quote.js';

describe('parseGrants', () => {
  test('MariaDB, with a password hash and a default role', () => {
    const grants = parseGrants([
      'GRANT `reader` TO `waymark`@`%`',
      "GRANT USAGE ON *.* TO `waymark`@`%` IDENTIFIED BY PASSWORD '*B69027D44F6E5EDC07F1AEAD1477967B16F28227'",
      'GRANT SELECT ON `shop`.* TO `waymark`@`%`',
      'GRANT REPLICATION SLAVE, SLAVE MONITOR ON *.* TO `reader`',
      'SET DEFAULT ROLE `reader` FOR `waymark`@`%`',
    ]);
    expect(grants.has('REPLICATION SLAVE')).toBe(true);
    expect(grants.has('BINLOG MONITOR')).toBe(false);
    expect(grants.seesColumnsIn('shop')).toBe(true);
    expect(grants.seesColumnsIn('shop2')).toBe(false);
    expect(grants.seesSomeColumns).toBe(true);
  });

  test('MySQL, with static and dynamic privileges apart', () => {
    const grants = parseGrants([
      'GRANT REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO `u`@`%` WITH GRANT OPTION',
      'GRANT BINLOG_ADMIN,CLONE_ADMIN ON *.* TO `u`@`%`',
    ]);
    expect(grants.has('REPLICATION CLIENT')).toBe(true);
    expect(grants.has('CLONE_ADMIN')).toBe(true);
    expect(grants.seesSomeColumns).toBe(false);
  });

  test('all privileges', () => {
    const grants = parseGrants(['GRANT ALL PRIVILEGES ON *.* TO `root`@`%` WITH GRANT OPTION']);
    expect(grants.has('REPLICATION SLAVE')).toBe(true);
    expect(grants.seesColumnsIn('anything')).toBe(true);
  });

  test('all privileges on one schema give nothing beyond it', () => {
    const grants = parseGrants(['GRANT ALL PRIVILEGES ON `shop`.* TO `u`@`%`']);
    expect(grants.has('REPLICATION SLAVE')).toBe(false);
    expect(grants.seesColumnsIn('shop')).toBe(true);
  });

  test('wildcards in the name of a schema, and names that look like them', () => {
    const grants = parseGrants([
      'GRANT SELECT ON `shop\\_%`.* TO `u`@`%`',
      'GRANT INSERT (`a`, `b`) ON `a_b`.`t on x` TO `u`@`%`',
      'GRANT EXECUTE ON PROCEDURE `other`.`p` TO `u`@`%`',
      'GRANT DROP ON `meta`.* TO `u`@`%`',
      'GRANT SELECT ON `back``tick-1`.* TO `u`@`%`',
    ]);
    expect(grants.seesColumnsIn('shop_de')).toBe(true);
    expect(grants.seesColumnsIn('shopXde')).toBe(false);
    expect(grants.seesColumnsIn('a_b')).toBe(true);
    expect(grants.seesColumnsIn('aXb')).toBe(false);
    expect(grants.seesColumnsIn('other')).toBe(false);
    expect(grants.seesColumnsIn('meta')).toBe(false);
    expect(grants.seesColumnsIn('back`tick-1')).toBe(true);
  });

  test('ANSI quotes', () => {
    expect(parseGrants(['GRANT SELECT ON "shop".* TO "u"@"%"']).seesColumnsIn('shop')).toBe(true);
  });
});

test('quoting', () => {
  expect(quoteName('a`b')).toBe('`a``b`');
  expect(quoteText("it's \\ here")).toBe("'it''s \\\\ here'");
  expect(quoteAccount('way@mark@10.%')).toBe("'way@mark'@'10.%'");
});
