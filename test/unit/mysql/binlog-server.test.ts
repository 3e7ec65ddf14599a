import { expect, test } from 'vitest';
import { Secret } from '../../../src/config/secret.js';
import {
  isBinlogServerAnswer,
  isCurtBinlogServer,
  unlessUnanswered,
} from '../../../src/mysql/binlog-server.js';
import { dialectOf } from '../../../src/mysql/dialect.js';
import { statementError } from '../../../src/mysql/server-error.js';
import type { WaymarkError } from '../../../src/util/errors.js';
import { parseServerVersion, type ServerVersion } from '../../../src/mysql/version.js';

const instance = {
  address: { host: 'db1', port: 3306 },
  account: { user: 'u', password: new Secret('p') },
};
const serverError = (errno: number): WaymarkError =>
  statementError(
    Object.assign(new Error('no'), { errno, sqlState: '42000' }),
    instance,
    'answer',
  ) as WaymarkError;

test.each(['9.7.4', '5.5.5-11.8.6-MariaDB', '8.0.31-maxscale'])('%s: the oldest words alone', (greeting) => {
  const version: ServerVersion = { ...parseServerVersion(greeting), binlogServer: true };
  expect(dialectOf(version)).toMatchObject({
    binaryLogStatus: 'SHOW MASTER STATUS',
    replicaStatus: 'SHOW SLAVE STATUS',
    columns: { sourceHost: 'Master_Host', receiverRunning: 'Slave_IO_Running' },
  });
});

test('a syntax error where every server has an answer; a greeting', () => {
  expect(isBinlogServerAnswer(serverError(1064))).toBe(true);
  expect(isBinlogServerAnswer(serverError(1227))).toBe(false);
  expect(isBinlogServerAnswer(new Error('gone'))).toBe(false);
  expect(isCurtBinlogServer('5.6.0-ripple')).toBe(true);
  expect(isCurtBinlogServer('10.11.19-MariaDB')).toBe(false);
});

test('what a binlog server doesn’t answer is done without; a server’s error stays one', async () => {
  const server = parseServerVersion('9.7.4');
  const refuse = (): Promise<string> => Promise.reject(serverError(1064));
  expect(await unlessUnanswered({ ...server, binlogServer: true }, refuse, 'nothing')).toBe('nothing');
  await expect(unlessUnanswered(server, refuse, 'nothing')).rejects.toThrow('no');
  const gone = (): Promise<string> => Promise.reject(new Error('gone'));
  await expect(unlessUnanswered({ ...server, binlogServer: true }, gone, '')).rejects.toThrow('gone');
});
