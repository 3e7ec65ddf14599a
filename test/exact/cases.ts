import type { Vendor } from '../servers/index.js';

/** What is done to a database of its own, statement by statement, and what about it readers of logs stumble over. */
export type Case = {
  readonly what: string;
  /** Where it is about the database's name; `a_case` in statements stands for it otherwise. */
  readonly database?: string;
  /** Behind the database's name when it is made. */
  readonly options?: string;
  readonly statements: readonly string[];
  readonly only?: Vendor;
  readonly since?: readonly [major: number, minor: number];
};

const names = (count: number, type: string): string =>
  Array.from({ length: count }, (_, index) => `n${index} ${type}`).join();

/** A document with so many members. */
const manyMembers = (count: number, value: (index: number) => string): string =>
  `'{${Array.from({ length: count }, (_, index) => `"key ${index}": ${value(index)}`).join()}}'`;

/**
 * What the tests of Maxwell, Debezium, go-mysql and python-mysql-replication are about: types, edges, names and DDL that a
 * reader had wrong once. Each case is ours; only its subject is theirs.
 */
export const cases: readonly Case[] = [
  // Numbers.
  {
    what: 'DECIMAL without a size, of scale 0 and by its other names; more digits than the column has are rounded',
    statements: [
      'CREATE TABLE t (id INT PRIMARY KEY, a DECIMAL, b DECIMAL(9), c NUMERIC, d NUMERIC(12,7), e FIXED, f DECIMAL(23,0), g DEC(23,11))',
      "INSERT INTO t VALUES (1, 7.5, 1.4, -7.5, 0.00000005, 2.5, '98765432109876543210987', -43210.00000012345)",
      "INSERT INTO t VALUES (2, 0, -0.4, '9999999999', '-99999.9999999', 1, '-1000000', 9000000000.00000000001)",
      "UPDATE t SET g = -g, d = '0.0000001' WHERE id = 2",
    ],
  },
  {
    what: 'FLOAT with digits, FLOAT by precision, which may be a DOUBLE, and REAL, FLOAT4, FLOAT8',
    statements: [
      'CREATE TABLE t (id INT PRIMARY KEY, a FLOAT(10,2), b FLOAT(35,5), c FLOAT(23), d FLOAT(24), e FLOAT(25), f REAL, g FLOAT4, h FLOAT8, i DOUBLE(12,3), j FLOAT UNSIGNED)',
      'INSERT INTO t VALUES (1, 8.765, 21.1234567, 0.7, 0.7, 0.7, 3.3, 3.3, 3.3, 1234.56789, 64.12345)',
      'INSERT INTO t VALUES (2, -0.005, 1e29, 16777217, 16777217, 16777217, -1e-300, 1e-40, -1e300, -0.0005, 0)',
      'UPDATE t SET a = a * 3, e = e / 3',
    ],
  },
  {
    what: 'display widths, ZEROFILL and SIGNED say nothing of the value; INT1 to INT8, MIDDLEINT, SERIAL, BOOL',
    statements: [
      'CREATE TABLE t (id SERIAL PRIMARY KEY, a TINYINT(1), b TINYINT(1) UNSIGNED, c TINYINT(2) SIGNED, d TINYINT(3) UNSIGNED ZEROFILL, e SMALLINT ZEROFILL, f MEDIUMINT(4) ZEROFILL, g INT(5) ZEROFILL, h BIGINT ZEROFILL, i INT1, j INT2, k INT3, l INT4, m INT8, n MIDDLEINT, o BOOL DEFAULT TRUE, p INTEGER(2))',
      'INSERT INTO t VALUES (1, -128, 255, -5, 7, 8, 9, 10, 11, -1, -2, -3, -4, -5, -6, DEFAULT, -99999)',
      'INSERT INTO t VALUES (18446744073709551615, 127, 0, 127, 255, 65535, 16777215, 4294967295, 18446744073709551615, 127, 32767, 8388607, 2147483647, 9223372036854775807, -8388608, FALSE, 2147483647)',
      'UPDATE t SET id = id - 1 WHERE id > 1',
    ],
  },
  {
    what: 'BIT of sizes that are no whole bytes, written as numbers, bits and text',
    statements: [
      "CREATE TABLE t (id INT PRIMARY KEY, a BIT(6), b BIT(9), c BIT(12), d BIT(16), e BIT(18), f BIT(24), g BIT(64), h BIT DEFAULT b'1')",
      "INSERT INTO t VALUES (1, b'100010', b'100010101', b'100010101010', 13930, 'ab', b'111000111000111001010111', 18446744073709551615, DEFAULT)",
      "INSERT INTO t VALUES (2, 0, 1, 2, 3, 4, 5, 9007199254740993, b'0')",
      "UPDATE t SET g = g ^ b'1'",
    ],
  },
  {
    what: 'defaults of all kinds, of expressions too, and values that the server computes',
    statements: [
      `CREATE TABLE t (id INT AUTO_INCREMENT PRIMARY KEY, a TINYINT UNSIGNED DEFAULT '100', b DECIMAL(4,3) DEFAULT '2.320', c BIT(3) DEFAULT b'101', d VARCHAR(9) DEFAULT 'é', e DATETIME(3) DEFAULT '2020-02-29 01:02:03.004', f DOUBLE DEFAULT 5.6, g VARCHAR(40) DEFAULT (CONCAT('x', 'y')), h ENUM('n','y') DEFAULT 'y')`,
      'INSERT INTO t (id) VALUES (1), (2)',
      "INSERT INTO t (b, d) VALUES (DEFAULT, 'z')",
      "UPDATE t SET a = 7, h = 'n', f = -f",
      'UPDATE t SET a = DEFAULT, h = DEFAULT, f = DEFAULT',
    ],
  },
  {
    what: 'generated columns, stored and virtual, between others',
    statements: [
      "CREATE TABLE t (id INT PRIMARY KEY, a SMALLINT UNSIGNED, b INT AS (2 * a) VIRTUAL, c INT AS (3 * a) STORED, d VARCHAR(9), e VARCHAR(30) AS (CONCAT(d, '!')) VIRTUAL, f INT)",
      "INSERT INTO t (id, a, d, f) VALUES (1, 15, 'x', 4), (2, NULL, NULL, NULL)",
      'UPDATE t SET a = 16',
      'DELETE FROM t WHERE id = 1',
    ],
  },
  {
    what: 'more than eight columns that may be NULL, most of them so; the last one alone',
    statements: [
      `CREATE TABLE t (id INT PRIMARY KEY, ${names(20, 'INT')}, last_one TINYINT)`,
      'INSERT INTO t (id, n0, n7) VALUES (1, 555, 777)',
      'INSERT INTO t (id, last_one) VALUES (2, NULL), (3, 3), (4, NULL)',
      'UPDATE t SET n8 = 444, n16 = 5 WHERE n0 = 555',
      'UPDATE t SET last_one = NULL WHERE id = 3',
    ],
  },
  {
    what: 'a table with one column that may be NULL, and nothing else but its key',
    statements: [
      'CREATE TABLE t (v TINYINT)',
      'INSERT INTO t VALUES (1), (2), (NULL)',
      'UPDATE t SET v = 5 WHERE v IS NULL',
      'DELETE FROM t WHERE v = 1',
    ],
  },
  // Dates.
  {
    what: 'zero dates, and dates whose month or day is zero, in every temporal type',
    statements: [
      'CREATE TABLE t (id INT PRIMARY KEY, a DATE, b DATETIME, c DATETIME(6), d DATETIME(3), e TIMESTAMP NULL, f TIMESTAMP(4) NULL, g TIME(6), h YEAR)',
      'INSERT INTO t VALUES (1, 0, 0, 0, 0, 0, 0, 0, 0)',
      "INSERT INTO t VALUES (2, '2015-00-21', '2013-00-00 00:00:00', '0003-00-00 00:00:01', '0000-01-21', NULL, NULL, '-0:0:0.000001', 1901)",
      "INSERT INTO t VALUES (3, '0001-01-01', '0001-01-01', '2000-02-30', '1950-01-01 01:00:00.999', '1970-01-01 00:00:01', '2038-01-19 03:14:07.9999', '838:59:59', 2155)",
      "UPDATE t SET a = '0000-00-00', c = b",
    ],
  },
  {
    what: 'years of two digits, in YEAR, DATE and DATETIME',
    statements: [
      'CREATE TABLE t (id INT PRIMARY KEY, a YEAR, b YEAR(4), c DATE, d DATETIME)',
      "INSERT INTO t VALUES (1, '17', '0017', '17-04-02', '17-04-02 12:34:56'), (2, '79', 79, '79-04-02', '0079-04-02 12:34:56'), (3, '00', 0, '0070-01-01', '69-12-31 00:00:00')",
    ],
  },
  {
    what: 'fractions of seconds are rounded where a column has fewer digits; TIMESTAMP of every number of digits',
    statements: [
      `CREATE TABLE t (id INT PRIMARY KEY, ${[0, 1, 2, 3, 4, 5, 6].map((digits) => `s${digits} TIMESTAMP(${digits}) NULL, d${digits} DATETIME(${digits}), t${digits} TIME(${digits})`).join()})`,
      `INSERT INTO t VALUES (1, ${[0, 1, 2, 3, 4, 5, 6].map(() => "'1999-12-31 23:59:59.999999', '1999-12-31 23:59:59.999999', '-17:51:04.777777'").join()})`,
      `INSERT INTO t VALUES (2, ${[0, 1, 2, 3, 4, 5, 6].map(() => "'1984-12-03 12:33:07.000789', '0999-12-03 12:33:07.000789', '-00:00:00.012345'").join()})`,
    ],
  },
  {
    what: 'dates and times as parts of a primary key, zero among them',
    statements: [
      'CREATE TABLE t (id INT AUTO_INCREMENT, a DATETIME NOT NULL, b DATE NOT NULL, c TIME NOT NULL, v INT, PRIMARY KEY (id, a, b, c))',
      "INSERT INTO t VALUES (1, '0000-00-00 00:00:00', '0000-00-00', '00:00:00', 1), (1, '2020-01-01', '2020-01-01', '-10:00:00', 1)",
      'UPDATE t SET v = 2',
      "UPDATE t SET c = '-00:00:01' WHERE b > 0",
    ],
  },
  {
    what: 'columns that set themselves, by ON UPDATE',
    statements: [
      "CREATE TABLE t (id INT PRIMARY KEY, v INT, made DATETIME DEFAULT CURRENT_TIMESTAMP, changed TIMESTAMP(6) DEFAULT CURRENT_TIMESTAMP(6) ON UPDATE CURRENT_TIMESTAMP(6), other DATETIME(2) DEFAULT '2000-01-01' ON UPDATE CURRENT_TIMESTAMP(2))",
      'INSERT INTO t (id, v) VALUES (1, 1), (2, 2)',
      'UPDATE t SET v = 3 WHERE id = 2',
    ],
  },
  {
    what: "a session's time zone changes what is stored in a TIMESTAMP, not how it is told",
    statements: [
      'CREATE TABLE t (id INT PRIMARY KEY, a TIMESTAMP(3) NULL, b DATETIME(3))',
      "SET time_zone = '+05:30'",
      "INSERT INTO t VALUES (1, '2021-03-04 05:06:07.089', '2021-03-04 05:06:07.089')",
      "SET time_zone = '-11:00'",
      "UPDATE t SET a = '2021-03-04 05:06:07.089'",
      "SET time_zone = '+00:00'",
    ],
  },
  // Binary.
  {
    what: 'BINARY whose value ends in zeros, is shorter than the column, or is nothing but zeros; as a key, too',
    statements: [
      'CREATE TABLE t (k BINARY(16) PRIMARY KEY, a BINARY(3), b BINARY(10), c VARBINARY(20))',
      "INSERT INTO t VALUES (x'651aed08390f4893b2f136923e7b7400', x'010203', x'00010203', x'00')",
      "INSERT INTO t VALUES (x'651aed08390f4893b2f136923e7b75', x'', x'20', x'2000'), (x'00', x'000001', 'a\\0', x'0000')",
      "UPDATE t SET k = CONCAT(k, x''), c = x'4D7953514C'",
      "UPDATE t SET k = x'01' WHERE k = x'00000000000000000000000000000000'",
    ],
  },
  {
    what: 'BLOB and TEXT by a size in parentheses are of the type that has room for it; LONG is MEDIUM',
    statements: [
      'CREATE TABLE t (id INT PRIMARY KEY, a TEXT(1), b TEXT(256), c TEXT(65536), d TEXT(16777216), e BLOB(1), f BLOB(256), g BLOB(65536), h BLOB(16777216), i LONG, j LONG VARBINARY, k LONG VARCHAR CHARACTER SET latin1)',
      "INSERT INTO t VALUES (1, REPEAT('ä', 60), REPEAT('b', 300), REPEAT('c', 70000), 'd', x'00', REPEAT(x'ff', 300), REPEAT(x'fe', 70000), x'', 'ï', x'00ff', 'é')",
      'UPDATE t SET a = NULL, c = NULL, g = NULL',
    ],
  },
  {
    what: 'BYTE makes text binary; BINARY alone makes its collation the binary one',
    statements: [
      'CREATE TABLE t (id INT PRIMARY KEY, a CHAR(3) BYTE, b VARCHAR(255) BYTE, c TINYTEXT BYTE, d TEXT BYTE, e VARCHAR(30) BINARY, f TEXT(234344) BYTE, g CHARACTER VARYING(20) BYTE)',
      "INSERT INTO t VALUES (1, 'ä', 'ä', 'ä', 'ä', 'ä', 'ä', 'ä'), (2, 'a', '', '', x'00', '', NULL, x'ff')",
    ],
  },
  // Text.
  {
    what: 'ASCII, UNICODE and the national types name character sets of their own',
    statements: [
      'CREATE TABLE t (id INT PRIMARY KEY, a VARCHAR(10) ASCII, b VARCHAR(10) UNICODE, c NCHAR(10), d NATIONAL VARCHAR(10), e NVARCHAR(10), f NATIONAL CHARACTER VARYING(10), g CHARACTER(9), h TEXT(20) UNICODE, i ENUM("a","ö") ASCII) DEFAULT CHARACTER SET latin2',
      "INSERT INTO t VALUES (1, 'é', '漢ö', '漢ö', '漢ö', '漢ö', '漢ö', 'žluť', '漢ö', 1)",
      "UPDATE t SET a = 'ß', g = 'őű'",
    ],
  },
  {
    what: 'East Asian sets beside each other, with text that has other bytes in each',
    statements: [
      "CREATE TABLE t (id INT PRIMARY KEY, a VARCHAR(255) CHARACTER SET gbk, b VARCHAR(255) CHARACTER SET big5, c VARCHAR(255) CHARACTER SET ujis, d VARCHAR(255) CHARACTER SET sjis, e VARCHAR(255) CHARACTER SET euckr, f VARCHAR(255) CHARACTER SET gb18030, g ENUM('河','圖') CHARACTER SET big5)",
      "INSERT INTO t VALUES (1, '乪河', '圖形碼', '河圖', '表ソ能', '가힣', '𠀀乪', '圖')",
      "UPDATE t SET b = '許功蓋', d = 'ソー', g = '河'",
    ],
    only: 'mysql',
  },
  {
    what: 'East Asian sets beside each other, with text that has other bytes in each',
    statements: [
      "CREATE TABLE t (id INT PRIMARY KEY, a VARCHAR(255) CHARACTER SET gbk, b VARCHAR(255) CHARACTER SET big5, c VARCHAR(255) CHARACTER SET ujis, d VARCHAR(255) CHARACTER SET sjis, e VARCHAR(255) CHARACTER SET euckr, f VARCHAR(255) CHARACTER SET cp932, g ENUM('河','圖') CHARACTER SET big5)",
      "INSERT INTO t VALUES (1, '乪河', '圖形碼', '河圖', '表ソ能', '가힣', '①㈱', '圖')",
      "UPDATE t SET b = '許功蓋', d = 'ソー', g = '河'",
    ],
    only: 'mariadb',
  },
  {
    what: "the database's character set holds for its tables, also when it is changed, and by ALTER DATABASE without a name",
    options: 'CHARACTER SET latin1',
    statements: [
      'CREATE TABLE a (id INT PRIMARY KEY, v TEXT)',
      "INSERT INTO a VALUES (1, 'áéÿ')",
      'ALTER DATABASE a_case CHARACTER SET latin2',
      'CREATE TABLE b (id INT PRIMARY KEY, v TEXT, w VARCHAR(9) COLLATE utf8mb4_bin)',
      "INSERT INTO b VALUES (1, 'Žluťoučký', '漢')",
      'ALTER DATABASE CHARACTER SET = ucs2',
      'CREATE TABLE c (id INT PRIMARY KEY, v TEXT)',
      "INSERT INTO c VALUES (1, '∆˚ø¨´漢')",
      "UPDATE a SET v = 'ß'",
    ],
  },
  {
    what: 'a set for the table, others for some of its columns; ALTER TABLE … CONVERT changes text alone',
    statements: [
      'CREATE TABLE t (id INT PRIMARY KEY, a VARCHAR(255) CHARACTER SET latin1, b VARCHAR(255) CHARACTER SET latin2, c BLOB, d VARBINARY(255), e VARCHAR(255)) DEFAULT CHARACTER SET koi8r',
      "INSERT INTO t VALUES (1, 'é', 'ž', 'é', 'ž', 'ж')",
      'ALTER TABLE t CONVERT TO CHARACTER SET utf8mb4',
      "INSERT INTO t VALUES (2, '漢', '漢', '漢', '漢', '漢')",
      "UPDATE t SET e = 'ж漢' WHERE id = 1",
    ],
  },
  {
    what: 'ALTER TABLE gives the table another set for columns to come: those that are there keep theirs',
    statements: [
      'CREATE TABLE t (id INT PRIMARY KEY, a VARCHAR(20)) CHARACTER SET latin1',
      "INSERT INTO t VALUES (1, 'é')",
      'ALTER TABLE t ADD COLUMN b TEXT, CHARACTER SET utf16',
      "INSERT INTO t VALUES (2, 'é', '漢')",
      'ALTER TABLE t ADD COLUMN c TEXT',
      "INSERT INTO t VALUES (3, 'é', '漢', '漢')",
    ],
  },
  {
    what: 'CREATE TABLE … LIKE takes columns with their sets and signs, from another database too',
    statements: [
      'CREATE TABLE a (id INT PRIMARY KEY, v VARCHAR(255) CHARACTER SET latin1, w BIGINT(20) UNSIGNED) CHARACTER SET greek',
      'CREATE TABLE b LIKE a',
      "INSERT INTO b VALUES (1, 'é', 18446744073709551615)",
      'ALTER TABLE b ADD COLUMN g VARCHAR(9)',
      "INSERT INTO b VALUES (2, 'é', 1, 'ώ')",
      'CREATE TABLE c LIKE a_case.b',
      'INSERT INTO c SELECT * FROM b',
    ],
  },
  {
    what: 'trailing blanks: CHAR loses them, VARCHAR keeps them, as keys as well',
    statements: [
      'CREATE TABLE t (a VARCHAR(10) COLLATE utf8mb4_bin, b CHAR(10) COLLATE utf8mb4_bin, v INT, PRIMARY KEY (a, b))',
      "INSERT INTO t VALUES ('x ', 'x ', 1), ('\\t', '\\n', 2), ('', '', 3)",
      'UPDATE t SET v = v + 1',
    ],
  },
  {
    what: 'quotation marks, backslashes, control characters, line separators and bidirectional marks in text',
    statements: [
      'CREATE TABLE t (id INT PRIMARY KEY, v TEXT)',
      `INSERT INTO t VALUES (1, '\\\\"''\\0\\b\\Z\\r\\n\\t'), (2, '\u2028\u2029\u200f\ufeff'), (3, '\u0085\u007f\u009f'), (4, '👩‍👩‍👧‍👦🏳️‍🌈'), (5, '</script><!--]]>'), (6, '\ufffd\uffff')`,
      'UPDATE t SET v = CONCAT(v, v)',
    ],
  },
  {
    what: 'text of 255 and 256 characters and bytes, where the length takes another byte',
    statements: [
      'CREATE TABLE t (id INT PRIMARY KEY, a VARCHAR(242) CHARACTER SET latin1, b VARCHAR(255) CHARACTER SET latin1, c VARCHAR(256) CHARACTER SET latin1, d VARCHAR(85) CHARACTER SET utf8mb3, e VARCHAR(86) CHARACTER SET utf8mb3, f CHAR(255) CHARACTER SET utf8mb3, g BINARY(255), h VARBINARY(256))',
      "INSERT INTO t VALUES (1, REPEAT('é', 242), REPEAT('é', 255), REPEAT('é', 256), REPEAT('漢', 85), REPEAT('漢', 86), REPEAT('漢', 255), REPEAT('g', 255), REPEAT('h', 256)), (2, '', '', '', '', '', '', '', '')",
    ],
  },
  // ENUM and SET.
  {
    what: 'ALTER TABLE gives an ENUM more labels, with commas and quotation marks in them',
    statements: [
      "CREATE TABLE t (id INT PRIMARY KEY, v ENUM('station','office') COLLATE utf8mb3_unicode_ci NOT NULL DEFAULT 'station', w DATETIME DEFAULT CURRENT_TIMESTAMP)",
      "INSERT INTO t (id, v) VALUES (1, 'office')",
      "ALTER TABLE t MODIFY COLUMN v ENUM('station','office','plane','a,b','c,\\'d','g,''h','') CHARACTER SET 'utf8mb3' NOT NULL",
      "INSERT INTO t (id, v) VALUES (2, 'a,b'), (3, 'c,''d'), (4, 'g,\\'h'), (5, ''), (6, 'no such label')",
      "ALTER TABLE t MODIFY v ENUM('plane','office','station','a,b','c,\\'d','g,''h','')",
      'UPDATE t SET w = NULL',
    ],
  },
  {
    what: 'labels that are numbers; more than 255 labels',
    statements: [
      `CREATE TABLE t (id INT PRIMARY KEY, a ENUM('0','1','2','3'), b ENUM(${Array.from({ length: 260 }, (_, n) => `'${n}'`).join()}), c SET(${Array.from({ length: 18 }, (_, n) => `'${n + 1}'`).join()}))`,
      "INSERT INTO t VALUES (1, '0', '0', '1,3'), (2, 1, '259', '18'), (3, '3', '256', '')",
      "UPDATE t SET a = '2', c = CONCAT(c, ',17')",
    ],
  },
  {
    what: 'an ENUM and a SET as the primary key, whose name is written in another case',
    statements: [
      "CREATE TABLE a (Id SET('android','iphone','ipad'), v INT, PRIMARY KEY (ID))",
      "INSERT INTO a SET id = 'android', V = 1",
      "INSERT INTO a VALUES ('ipad,android', 2)",
      "CREATE TABLE b (Id ENUM('n','y'), bAr_FIELD VARCHAR(20), PRIMARY KEY (iD))",
      "INSERT INTO b (ID, bar_field) VALUES ('y', 'bar'), ('n', NULL)",
      'UPDATE a SET v = 3',
    ],
  },
  {
    what: 'a SET that may be NULL from an ALTER TABLE on',
    statements: [
      "CREATE TABLE t (id INT AUTO_INCREMENT PRIMARY KEY, v SET('foo','bar','baz') NOT NULL)",
      "INSERT INTO t (v) VALUES ('bar,baz'), ('baz,foo'), ('')",
      "ALTER TABLE t MODIFY COLUMN v SET('foo','bar','baz') NULL DEFAULT NULL",
      'INSERT INTO t (id) VALUES (NULL)',
      "UPDATE t SET v = 'foo' WHERE v IS NULL",
    ],
  },
  // Names.
  {
    what: 'names with every mark on the keyboard, of a database as well',
    database: 'special"[`]$\'.-_|@db',
    statements: [
      'CREATE TABLE `special"[``]$\'` (`special"[``$]\'_id` INT AUTO_INCREMENT PRIMARY KEY, `value` INT NOT NULL, `a.b` INT, `c,d` INT, `e|f@g` TEXT, `h\\\\i` INT)',
      'INSERT INTO `special"[``]$\'` VALUES (1, 123, 2, 3, "x", 4)',
      'CREATE TABLE `t-1` (id INT PRIMARY KEY)',
      'CREATE TABLE `t.2` (id INT PRIMARY KEY)',
      'CREATE TABLE `some|test@data` (id INT PRIMARY KEY, v INT)',
      'CREATE TABLE ```quoted``` (id INT PRIMARY KEY)',
      'CREATE TABLE `20151214` (`1` INT PRIMARY KEY, `0.5` DECIMAL(2,1), `1e3` INT)',
      'INSERT INTO `t-1` VALUES (1)',
      'INSERT INTO `t.2` VALUES (2)',
      'INSERT INTO `some|test@data` VALUES (3, 4)',
      'INSERT INTO ```quoted``` VALUES (5)',
      'INSERT INTO `20151214` VALUES (6, 0.5, 1)',
      'ALTER TABLE `20151214` RENAME `20151214_foo`, ADD COLUMN `SELECT` INT',
      'INSERT INTO `20151214_foo` VALUES (7, 0.5, 1, 2)',
    ],
  },
  {
    what: 'names beyond ASCII, renamed',
    database: '測試資料庫',
    statements: [
      'CREATE TABLE 表格 (欄位一 INT PRIMARY KEY, dataÈ TEXT, ключ VARCHAR(20))',
      "INSERT INTO 表格 VALUES (1, 'x', 'ж')",
      'RENAME TABLE 表格 TO `testÈ`',
      "INSERT INTO `testÈ` VALUES (2, 'y', NULL)",
      'ALTER TABLE `testÈ` CHANGE dataÈ 欄位二 TEXT',
      "UPDATE `testÈ` SET 欄位二 = 'z'",
    ],
  },
  {
    what: 'names that are parts of each other, of a statement, or of an object in JavaScript',
    statements: [
      'CREATE TABLE tablename_suffix (PRIMARY KEY (id), id INTEGER NOT NULL)',
      'CREATE TABLE tablename (PRIMARY KEY (id), id INTEGER NOT NULL)',
      'CREATE TABLE `table` (id INT PRIMARY KEY, begin_field INT, `primary` INT, `key` INT, `check` INT, `constructor` INT, `__proto__` INT, toString INT, `$base64` INT, `@1` INT)',
      'INSERT INTO tablename_suffix VALUES (1)',
      'INSERT INTO tablename VALUES (2)',
      'INSERT INTO `table` VALUES (1, 2, 3, 4, 5, 6, 7, 8, 9, 10)',
      'UPDATE `table` SET `__proto__` = NULL',
    ],
  },
  {
    what: 'names as long as they may be',
    statements: [
      `CREATE TABLE ${'t'.repeat(64)} (${'k'.repeat(64)} INT PRIMARY KEY, ${'v'.repeat(63)}ö INT)`,
      `INSERT INTO ${'t'.repeat(64)} VALUES (1, 2)`,
    ],
  },
  {
    what: 'names in quotation marks where ANSI_QUOTES is set, and || in defaults',
    statements: [
      "SET sql_mode = 'ANSI_QUOTES,NO_ENGINE_SUBSTITUTION'",
      'CREATE TABLE "tt" ("id" INT PRIMARY KEY, "`weird`" INT, "say ""x""" VARCHAR(9))',
      `INSERT INTO "tt" VALUES (1, 2, 'x')`,
      'ALTER TABLE "tt" ADD COLUMN "more" ENUM(\'a"b\', \'c`d\')',
      `INSERT INTO "tt" VALUES (2, 3, 'y', 'a"b')`,
      "SET sql_mode = 'NO_ENGINE_SUBSTITUTION'",
      `INSERT INTO tt VALUES (3, 4, "z", 'c\`d')`,
    ],
  },
  {
    what: 'backslashes in labels and defaults where NO_BACKSLASH_ESCAPES is set',
    statements: [
      "SET sql_mode = 'NO_BACKSLASH_ESCAPES,NO_ENGINE_SUBSTITUTION'",
      "CREATE TABLE t (id INT PRIMARY KEY, a ENUM('x\\', 'it''s\\n') DEFAULT 'x\\', b INT)",
      "INSERT INTO t VALUES (1, 'x\\', 1), (2, 'it''s\\n', 2)",
      "SET sql_mode = 'NO_ENGINE_SUBSTITUTION'",
      "INSERT INTO t VALUES (3, 'x\\\\', 3)",
    ],
  },
  // DDL.
  {
    what: 'columns added, moved and dropped between rows',
    statements: [
      "CREATE TABLE t (id BIGINT(20) NOT NULL AUTO_INCREMENT PRIMARY KEY, v MEDIUMTEXT CHARACTER SET 'utf8mb3')",
      'CREATE INDEX `foo` ON a_case.t (id)',
      "INSERT INTO t SET v = 'one'",
      'ALTER TABLE t ADD COLUMN `d` DATETIME NULL DEFAULT NULL AFTER id',
      "INSERT INTO t SET v = 'two', d = '1979-10-01 00:00:00'",
      'ALTER TABLE t ADD COLUMN `m` MEDIUMINT(10) DEFAULT 10 AFTER id',
      'UPDATE t SET m = 5 WHERE id = 1',
      'ALTER TABLE t MODIFY COLUMN v MEDIUMTEXT CHARACTER SET utf8mb4 FIRST',
      "UPDATE t SET v = '漢' WHERE id = 2",
      'ALTER TABLE t DROP COLUMN m, DROP INDEX foo',
      "UPDATE t SET d = '1970-01-01' WHERE id = 1",
      '/*!40000 ALTER TABLE a_case.t ADD COLUMN (x INT, y TINYINT UNSIGNED) */',
      'UPDATE t SET x = 1, y = 255',
      'DELETE FROM t',
    ],
  },
  {
    what: 'several columns changed at once, one put behind another by the name that it gets in the same statement',
    statements: [
      'CREATE TABLE t (id INT PRIMARY KEY, a INT, b VARCHAR(255), c SMALLINT)',
      "INSERT INTO t VALUES (1, 2, 'three', 4)",
      'ALTER TABLE t CHANGE COLUMN a a INT AFTER c, CHANGE COLUMN b b_new VARCHAR(200)',
      "INSERT INTO t VALUES (2, 'three', 4, 5)",
      'ALTER TABLE t ADD COLUMN d INT AFTER c_new, CHANGE COLUMN c c_new INT, RENAME COLUMN b_new TO b',
      "INSERT INTO t VALUES (3, 'x', 40000, 5, 6)",
    ],
  },
  {
    what: 'columns that swap their names, and then their places',
    statements: [
      'CREATE TABLE t (id INT PRIMARY KEY, a INT, b INT UNSIGNED)',
      'INSERT INTO t VALUES (1, -1, 4294967295)',
      'ALTER TABLE t CHANGE a b INT, CHANGE b a INT UNSIGNED',
      'INSERT INTO t VALUES (2, -1, 4294967295)',
      'ALTER TABLE t MODIFY b INT AFTER a',
      'INSERT INTO t VALUES (3, 4294967295, -1)',
    ],
  },
  {
    what: 'tables renamed in a circle, several times within one statement, and to the name that another one had',
    statements: [
      'CREATE TABLE a (id INT PRIMARY KEY, v INT)',
      'CREATE TABLE b (id INT PRIMARY KEY, w VARCHAR(9))',
      'INSERT INTO a VALUES (1, 2)',
      "INSERT INTO b VALUES (1, 'x')",
      'RENAME TABLE a TO c, b TO a, c TO b',
      "INSERT INTO a VALUES (2, 'y')",
      'INSERT INTO b VALUES (2, 3)',
      'RENAME TABLE a_case.a TO a_case.d, a_case.d TO a_case.`e`, a_case.e TO a_case.f',
      "UPDATE f SET w = 'z'",
      'ALTER TABLE f RENAME TO a_case.g',
      'ALTER TABLE g RENAME h',
      'ALTER TABLE b RENAME g',
      'UPDATE g SET v = 4',
      'DELETE FROM h WHERE id = 1',
    ],
  },
  {
    what: 'a table dropped and made again with other columns under its name; several dropped at once',
    statements: [
      'CREATE TABLE a (id INT PRIMARY KEY, v INT)',
      'CREATE TABLE b (id INT PRIMARY KEY, v INT)',
      'INSERT INTO a VALUES (1, -1)',
      'DROP TABLE a, b',
      'CREATE TABLE a (id INT PRIMARY KEY, w INT UNSIGNED)',
      'INSERT INTO a VALUES (1, 4294967295)',
      'DROP TABLE IF EXISTS a, no_such_table',
      'CREATE TABLE IF NOT EXISTS a (id INT PRIMARY KEY, x BIGINT)',
      'CREATE TABLE IF NOT EXISTS a (id INT PRIMARY KEY, y TEXT)',
      'INSERT INTO a VALUES (1, -4294967296)',
    ],
  },
  {
    what: 'the primary key changed, renamed, dropped',
    statements: [
      'CREATE TABLE t (id INT UNSIGNED PRIMARY KEY, a VARCHAR(255))',
      "INSERT INTO t VALUES (1, 'x')",
      'ALTER TABLE t CHANGE id renamed INT UNSIGNED',
      "INSERT INTO t VALUES (4294967295, 'y')",
      'ALTER TABLE t DROP PRIMARY KEY, ADD PRIMARY KEY (a)',
      "UPDATE t SET renamed = 3 WHERE a = 'y'",
      'ALTER TABLE t DROP PRIMARY KEY',
      "INSERT INTO t VALUES (3, 'z')",
      'DELETE FROM t WHERE renamed = 1',
    ],
  },
  {
    what: 'constraints with what looks like the end of a column list in a string',
    statements: [
      "CREATE TABLE t (id INT PRIMARY KEY, CHECK (LENGTH(c) IS NOT NULL AND 'lfj),()))()' IS NOT NULL), c VARCHAR(255) COMMENT 'a, b INT) -- x', CHECK (id > -1 OR c > 'x'), d INT UNSIGNED DEFAULT '7' COMMENT 'it''s (1,2) /* */') COMMENT='a table; with, (b INT)'",
      "INSERT INTO t VALUES (1, 'c', 4294967295)",
      "ALTER TABLE t ADD COLUMN e INT UNSIGNED COMMENT 'DROP COLUMN d, ADD x INT', COMMENT = 'ADD y INT'",
      "INSERT INTO t VALUES (2, 'c', 1, 4294967295)",
      'ALTER TABLE t ADD CONSTRAINT named UNIQUE (e), ADD INDEX (c(10))',
      'UPDATE t SET d = 3',
    ],
  },
  {
    what: 'comments inside of statements, and what a server says that it has made',
    statements: [
      'CREATE /* a */ TABLE /*generated by server */ t (/* x INT, */ id INT -- y INT\n, v INT UNSIGNED # z\n, PRIMARY KEY (id))',
      'INSERT INTO t VALUES (1, 4294967295)',
      'ALTER /* TABLE u */ TABLE t /* */ ADD /*!50000 COLUMN */ w INT UNSIGNED',
      'INSERT INTO t VALUES (2, 3, 4294967295)',
      '/* a remark */ INSERT INTO t VALUES (3, 4, 5) /* and one */',
    ],
  },
  {
    what: 'maintenance is logged as a statement, and changes nothing: ANALYZE, OPTIMIZE, REPAIR; triggers and views as well',
    statements: [
      'CREATE TABLE t (id INT PRIMARY KEY, v INT UNSIGNED)',
      'CREATE TABLE u (id INT PRIMARY KEY, v INT UNSIGNED)',
      'INSERT INTO t VALUES (1, 4294967295)',
      'ANALYZE TABLE t',
      'OPTIMIZE TABLE t',
      'REPAIR TABLE t',
      'ALTER TABLE t FORCE',
      'INSERT INTO t VALUES (2, 4294967295)',
      'CREATE TRIGGER tr AFTER INSERT ON t FOR EACH ROW INSERT INTO u VALUES (NEW.id, NEW.v)',
      'CREATE VIEW w AS SELECT * FROM t',
      'INSERT INTO t VALUES (3, 4294967295)',
      'INSERT INTO w VALUES (4, 0)',
      'UPDATE t SET v = 5 WHERE id = 1',
    ],
  },
  {
    what: 'CREATE TABLE … SELECT',
    statements: [
      "CREATE TABLE a (id INT PRIMARY KEY, f FLOAT, e ENUM('x','y'), t TEXT CHARACTER SET latin1)",
      "INSERT INTO a VALUES (1, 0.5, 'y', 'é'), (2, NULL, NULL, NULL)",
      "CREATE TABLE b (PRIMARY KEY (id)) SELECT a.*, id / 3 AS third, MAKETIME(1, 1, 1.123) AS made, 'x' AS `it's` FROM a",
      'UPDATE b SET third = 7 WHERE id = 1',
    ],
  },
  {
    what: 'rows of an engine without transactions; TRUNCATE; REPLACE; a key that cascades',
    statements: [
      'CREATE TABLE t (id INT PRIMARY KEY, v INT UNSIGNED) ENGINE = MyISAM',
      'INSERT INTO t VALUES (1, 4294967295), (2, 0), (3, 1)',
      'REPLACE INTO t VALUES (1, 7), (4, 8)',
      'DELETE FROM t WHERE id = 2',
      'CREATE TABLE u (id INT PRIMARY KEY, v INT, UNIQUE (v))',
      'INSERT INTO u VALUES (1, 1), (2, 2), (3, 3)',
      'REPLACE INTO u VALUES (4, 2)',
      'INSERT INTO u VALUES (5, 3) ON DUPLICATE KEY UPDATE v = 30',
      'TRUNCATE u',
      'INSERT INTO u VALUES (1, 9)',
    ],
  },
  {
    what: 'two tables in one statement, and rows of one table twice in a transaction',
    statements: [
      'CREATE TABLE a (id INT PRIMARY KEY, v INT)',
      'CREATE TABLE b (id INT PRIMARY KEY, w TEXT)',
      'INSERT INTO a VALUES (1, 1), (2, 2)',
      "INSERT INTO b VALUES (1, 'x'), (2, 'y')",
      "UPDATE a, b SET a.v = 10, b.w = 'z' WHERE a.id = b.id",
      'DELETE a, b FROM a INNER JOIN b USING (id) WHERE a.id = 1',
    ],
  },
  {
    what: "MariaDB's hidden hash for a UNIQUE over what is too long for an index",
    statements: [
      'CREATE TABLE t (id INT PRIMARY KEY, a TEXT, b BLOB, UNIQUE (a), UNIQUE (b))',
      "INSERT INTO t VALUES (1, 'x', x'00'), (2, NULL, NULL)",
      "UPDATE t SET a = 'y' WHERE id = 1",
      "UPDATE t SET b = x'01' WHERE id = 2",
      'DELETE FROM t WHERE id = 1',
    ],
    only: 'mariadb',
  },
  {
    what: 'invisible columns, between visible ones',
    statements: [
      'CREATE TABLE t (id INT PRIMARY KEY, a INT INVISIBLE, b INT UNSIGNED, c VARCHAR(9) INVISIBLE)',
      "INSERT INTO t (id, a, b, c) VALUES (1, 2, 4294967295, 'é')",
      'INSERT INTO t VALUES (2, 3)',
      "UPDATE t SET c = '漢' WHERE id = 2",
    ],
  },
  // Documents and shapes.
  {
    what: 'JSON: scalars at the edges of each size that numbers have in it, and what only SQL can put into it',
    statements: [
      'CREATE TABLE t (id INT AUTO_INCREMENT PRIMARY KEY, j JSON, n INT)',
      "INSERT INTO t (j) VALUES (NULL), ('null'), ('true'), ('-1'), ('32767'), ('32768'), ('-32768'), ('-32769'), ('65535'), ('65536'), ('2147483647'), ('2147483648'), ('-2147483648'), ('-2147483649'), ('18446744073709551615'), ('18446744073709551616'), ('-9223372036854775809'), ('3.14'), ('{}'), ('[]'), ('\"\"')",
      "INSERT INTO t (j) VALUES (CAST(CAST(1 AS UNSIGNED) AS JSON)), (CAST(CAST('2015-01-15 23:24:25' AS DATETIME) AS JSON)), (CAST(CAST('23:24:25.0237' AS TIME(3)) AS JSON)), (CAST(CAST('2015-01-15' AS DATE) AS JSON)), (CAST(TIMESTAMP'2015-01-15 23:24:25.12' AS JSON)), (CAST(UNIX_TIMESTAMP('2015-01-15 23:24:25') AS JSON)), (CAST(ST_GeomFromText('POINT(1 1)') AS JSON)), (CAST('[]' AS CHAR CHARACTER SET 'ascii')), (CAST(x'cafe' AS JSON)), (CAST(x'cafebabe' AS JSON)), (CAST(CAST(123.4321 AS DECIMAL(10,4)) AS JSON))",
      'UPDATE t SET n = 1',
    ],
    only: 'mysql',
  },
  {
    what: 'JSON: small and large containers, literals and numbers inside of both, keys of 64 KiB, texts beyond it',
    statements: [
      'CREATE TABLE t (id INT AUTO_INCREMENT PRIMARY KEY, j JSON, n INT)',
      `INSERT INTO t (j) VALUES (${manyMembers(2000, (n) => `"value ${n}"`)}), (${manyMembers(7000, (n) => ['true', 'null', '-1', '70000', '1.5', '[]'][n % 6] ?? '')})`,
      `INSERT INTO t (j) VALUES ('[${Array.from({ length: 20_000 }, (_, n) => n * 5).join()}]')`,
      `INSERT INTO t (j) VALUES (CONCAT('{"', REPEAT('a', 64 * 1024 - 1), '":123}')), (CONCAT('{"k": "', REPEAT('🍔', 40000), '"}'))`,
      `INSERT INTO t (j) VALUES ('${'['.repeat(99)}${']'.repeat(99)}'), ('{"miam": "🍔", "": {"": {"": null}}}')`,
      'UPDATE t SET n = 1',
      "UPDATE t SET j = JSON_SET(j, '$.more', JSON_ARRAY(TRUE, NULL, 1.50)) WHERE JSON_TYPE(j) = 'OBJECT'",
    ],
    only: 'mysql',
  },
  {
    what: 'JSON: several documents of a row changed in parts, in a session that logs whole documents',
    statements: [
      'CREATE TABLE t (id INT PRIMARY KEY, c JSON, d JSON, e JSON)',
      `INSERT INTO t VALUES (1, '{"a":"aaaaaaaaaaaaa","c":"ccccccccccccccc","ab":["abababababababa"]}', '{"a":"aaaaaaaaaaaaa","ab":["abababababababa"]}', NULL)`,
      `UPDATE t SET c = JSON_SET(c, '$.ab', '["ab_updated"]')`,
      `UPDATE t SET d = JSON_REPLACE(d, '$.ab', '["x"]'), c = JSON_REMOVE(c, '$.a'), e = '{"x": {"y": 1}}'`,
      `UPDATE t SET e = JSON_SET(e, '$.x.y', CAST('{"z": []}' AS JSON))`,
    ],
    only: 'mysql',
  },
  {
    what: 'JSON of MariaDB, with blanks, escapes, a name that comes twice, and null',
    statements: [
      'CREATE TABLE t (id INT PRIMARY KEY, j JSON, n INT)',
      `INSERT INTO t VALUES (1, '{"a" : 2.50,  "a": [1 ,2]}', 0), (2, ' null ', 1), (3, NULL, 2), (4, '{"🍔": "\\\\u00e9"}', 3)`,
      `UPDATE t SET j = JSON_SET(j, '$.b', 'x') WHERE id = 1`,
    ],
    only: 'mariadb',
  },
  {
    what: 'GEOMETRY of one kind and of any, with an SRID and without, NULL among them',
    statements: [
      'CREATE TABLE t (id INT PRIMARY KEY, p POINT, g GEOMETRY, l LINESTRING, q POLYGON, c GEOMETRYCOLLECTION, m MULTIPOLYGON, x DOUBLE)',
      "INSERT INTO t VALUES (1, ST_GeomFromText('POINT(8.25554554 3.22124447)', 4326), POINT(3, 2), ST_GeomFromText('LINESTRING(0 0, 1 1)', 3857), ST_GeomFromText('POLYGON((0 0, 1 1, 1 0, 0 0))'), GEOMETRYCOLLECTION(POINT(1, 1), LINESTRING(POINT(0, 1), POINT(1, 2))), ST_GeomFromText('MULTIPOLYGON(((0 0,10 0,10 10,0 0),(1 1,2 1,2 2,1 1)),((20 20,30 20,30 30,20 20)))'), 1.5)",
      "INSERT INTO t VALUES (2, NULL, ST_GeomFromText('MULTILINESTRING((0 0,1 1),(2 2,3 3))'), NULL, NULL, NULL, NULL, -0.0)",
      'UPDATE t SET x = 7, p = POINT(-1.5, 1e-7)',
    ],
  },
  {
    what: 'VECTOR, NULL among other columns',
    statements: [
      'CREATE TABLE t (id INT PRIMARY KEY, a VECTOR, b VECTOR(2), c VECTOR(128) DEFAULT NULL, d INT)',
      "INSERT INTO t VALUES (1, STRING_TO_VECTOR('[1.1,2.2]'), STRING_TO_VECTOR('[11.5,22.6]'), STRING_TO_VECTOR('[31,32]'), 4), (2, NULL, NULL, NULL, 5), (3, NULL, STRING_TO_VECTOR('[0,-0]'), NULL, 6)",
      'UPDATE t SET a = NULL, d = d + 1',
      'UPDATE t SET b = NULL, c = a, d = d + 1',
    ],
    only: 'mysql',
    since: [9, 0],
  },
  {
    what: 'VECTOR, NULL among other columns',
    statements: [
      'CREATE TABLE t (id INT PRIMARY KEY, a VECTOR(2), b VECTOR(2) DEFAULT NULL, d INT, e VARBINARY(8))',
      "INSERT INTO t VALUES (1, VEC_FromText('[1.1,2.2]'), VEC_FromText('[31,32]'), 4, x'0000803f00000040'), (2, NULL, NULL, 5, NULL), (3, NULL, VEC_FromText('[0,7]'), 6, '')",
      'UPDATE t SET a = NULL, d = d + 1',
    ],
    only: 'mariadb',
    since: [11, 7],
  },
  {
    what: 'UUID and INET6 as keys, beside BINARY and CHAR of the same size',
    statements: [
      'CREATE TABLE t (id UUID PRIMARY KEY, a INET6, b BINARY(16), c CHAR(36), d INET4)',
      "INSERT INTO t VALUES ('01020304-0506-0708-090a-0b0c0d0e0f10', '::ffff:192.0.2.1', x'0102030405060708090a0b0c0d0e0f10', 'x', '1.2.3.4'), ('00000000-0000-0000-0000-000000000000', '::', x'00', '', '0.0.0.0'), ('ffffffff-ffff-ffff-ffff-ffffffffff00', NULL, NULL, NULL, NULL)",
      "UPDATE t SET id = '00000000-0000-0000-0000-000000000001' WHERE a = '::'",
      'ALTER TABLE t MODIFY b UUID, MODIFY d BINARY(4)',
      "UPDATE t SET c = 'y'",
    ],
    only: 'mariadb',
  },
  {
    what: "MariaDB's IF EXISTS and IF NOT EXISTS in ALTER TABLE",
    statements: [
      'CREATE TABLE t (id INT PRIMARY KEY, old_one VARCHAR(50))',
      "INSERT INTO t VALUES (1, 'x')",
      'ALTER TABLE IF EXISTS t ADD COLUMN IF NOT EXISTS n INT UNSIGNED, ADD COLUMN IF NOT EXISTS old_one INT, DROP COLUMN IF EXISTS never, ADD INDEX IF NOT EXISTS i (n)',
      "INSERT INTO t VALUES (2, 'y', 4294967295)",
      'ALTER TABLE t DROP COLUMN IF EXISTS old_one, MODIFY COLUMN IF EXISTS never INT, CHANGE COLUMN IF EXISTS n m INT UNSIGNED, RENAME INDEX i TO j',
      'UPDATE t SET m = 4294967295',
      'CREATE OR REPLACE TABLE t (id INT PRIMARY KEY, z BIGINT UNSIGNED)',
      'INSERT INTO t VALUES (1, 18446744073709551615)',
    ],
    only: 'mariadb',
  },
];
