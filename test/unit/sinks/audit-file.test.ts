import { mkdtemp, rm, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { AuditFile } from '../../../src/sinks/audit-file.js';

test('the mark of what was written stays what it is when somebody cuts the file', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'waymark-audit-file-'));
  const path = join(folder, 'audit.ndjson');
  const file = await AuditFile.openOrCreate(path);
  try {
    await file.append(Buffer.from('a'.repeat(100)), 100);
    await file.append(Buffer.from('b'.repeat(30)), 10);
    const { mark, transactionStart } = file;
    expect(mark).toBe(await file.markAt(transactionStart));
    await truncate(path, 0);
    expect(file.mark).toBe(mark);
    expect(await file.markAt(transactionStart)).not.toBe(mark);
  } finally {
    await file.close();
    await rm(folder, { recursive: true });
  }
});
