import { expect, test } from 'vitest';
import { anchorFindings } from '../../../src/check/anchors.js';

test('a server without common GTIDs is refused where GTIDs are to anchor the stream, and nowhere else', () => {
  expect(anchorFindings('db1:3306', 'shared', 'gtid')).toEqual([]);
  for (const anchors of ['auto', 'hints'] as const) {
    for (const gtids of ['shared', 'own', 'none'] as const) {
      expect(anchorFindings('db1:3306', gtids, anchors)).toEqual([]);
    }
  }
  expect(anchorFindings('db1:3306', 'none', 'gtid')).toMatchObject([
    {
      ...{ server: 'db1:3306', severity: 'error', code: 'no-common-gtids' },
      message: 'db1:3306 gives transactions no GTIDs, but "anchors: gtid" is set',
    },
  ]);
  expect(anchorFindings('db1:3306', 'own', 'gtid')).toMatchObject([
    {
      ...{ severity: 'error', code: 'no-common-gtids' },
      message: expect.stringContaining('wsrep_gtid_mode is OFF') as unknown,
      fix: expect.stringContaining('wsrep_gtid_mode = ON') as unknown,
    },
  ]);
});
