import { expect, test } from 'vitest';
import { WaymarkError } from '../../../src/util/errors.js';
import { zongJiError } from '../../../src/zongji/zongji-error.js';

const refused = Object.assign(new Error('refused'), { code: 'ECONNREFUSED', errno: -111 });
const denied = Object.assign(new Error('denied'), {
  code: 'ER_ACCESS_DENIED_ERROR',
  errno: 1045,
  sqlState: '28000',
});

test.each([
  [new WaymarkError('server-unreachable', 'm', { cause: refused }), { code: 'ECONNREFUSED', errno: -111 }],
  [
    new WaymarkError('access-denied', 'm', { cause: denied }),
    { code: denied.code, errno: 1045, sqlState: '28000' },
  ],
  [new WaymarkError('stream-broken', 'm'), { code: 'PROTOCOL_CONNECTION_LOST' }],
  [new WaymarkError('stream-silent', 'm'), { code: 'PROTOCOL_CONNECTION_LOST' }],
  [
    new WaymarkError('coordinates', 'm', { details: { errorNumber: 1236 } }),
    { code: 'ER_MASTER_FATAL_ERROR_READING_BINLOG', errno: 1236 },
  ],
  [new WaymarkError('unsupported-event', 'm'), { code: 'unsupported-event' }],
])('%o', (cause, expected) => {
  const error = zongJiError(cause, true);
  expect(error).toMatchObject({ message: 'm', cause, fatal: true, ...expected });
  expect(zongJiError(error, false)).toBe(error);
});

test("what isn't ours stays what it is", () => {
  const error = new TypeError('x');
  expect(zongJiError(error, true)).toBe(error);
  expect(zongJiError('text', true).message).toBe('text');
});
