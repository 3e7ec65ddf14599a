import { expect, test } from 'vitest';
import { readShownTable } from '../../../src/layouts/shown-table.js';
import { NotUnderstood } from '../../../src/layouts/ddl-tokens.js';

/** What MariaDB 10.11.19 and MySQL 9.7.4 show. */
const mariadb = `CREATE TABLE \`t\` (
  \`id\` int(11) NOT NULL,
  \`j\` longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin DEFAULT NULL CHECK (json_valid(\`j\`)),
  \`c\` longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL COMMENT 'it''s CHECK (json_valid(\`c\`))',
  \`k\` longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin DEFAULT NULL CHECK (json_length(\`k\`) > 0),
  \`m\` longtext /*M!100301 COMPRESSED*/ CHARACTER SET utf8mb4 COLLATE utf8mb4_bin DEFAULT NULL CHECK (json_valid(\`m\`)),
  \`v\` longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin GENERATED ALWAYS AS (json_extract(\`j\`,'$.a')) VIRTUAL COMMENT 'x' CHECK (json_valid(\`v\`)),
  \`x\` longtext DEFAULT NULL CHECK (json_valid(\`j\`)),
  PRIMARY KEY (\`v\`(10),\`id\`),
  UNIQUE KEY \`k\` (\`k\`) USING HASH,
  CONSTRAINT \`CONSTRAINT_1\` CHECK (json_valid(\`c\`))
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci`;

const mysql = `CREATE TABLE \`t\` (
  \`my_row_id\` bigint unsigned NOT NULL AUTO_INCREMENT /*!80023 INVISIBLE */,
  \`b\`\`c\` int GENERATED ALWAYS AS ((\`a\` + 1)) STORED NOT NULL,
  PRIMARY KEY (\`b\`\`c\` DESC,\`my_row_id\`),
  UNIQUE KEY \`u0\` (((\`a\` + 1)))
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_0900_ai_ci
/*!50100 PARTITION BY KEY (a) */`;

test('what is shown of JSON and of the primary key', () => {
  expect(readShownTable(mariadb, 'mariadb')).toEqual({
    checkedJson: new Set(['j', 'm', 'v']),
    key: ['v', 'id'],
  });
  expect(readShownTable(mysql, 'mysql')).toEqual({ checkedJson: new Set(), key: ['b`c', 'my_row_id'] });
});

test('a table without a primary key, and one whose key is more than it shows', () => {
  expect(readShownTable('CREATE TABLE `t` (\n  `a` int DEFAULT NULL\n) ENGINE=InnoDB', 'mysql').key).toEqual(
    [],
  );
  const versioned =
    'CREATE TABLE `t` (\n  `a` int(11) NOT NULL,\n  PRIMARY KEY (`a`)\n) ENGINE=InnoDB WITH SYSTEM VERSIONING';
  expect(readShownTable(versioned, 'mariadb').key).toBeNull();
  const periods =
    'CREATE TABLE `t` (\n  `a` int(11) NOT NULL,\n  PERIOD FOR `p` (`f`, `t`),\n  PRIMARY KEY (`a`,`p` WITHOUT OVERLAPS)\n)';
  expect(readShownTable(periods, 'mariadb').key).toBeNull();
});

test.each(['CREATE TABLE `t`', 'CREATE TABLE `t` (`a` int', "CREATE TABLE `t` (`a` int COMMENT 'x)"])(
  '%s is not understood',
  (sql) => {
    expect(() => readShownTable(sql, 'mysql')).toThrow(NotUnderstood);
  },
);
