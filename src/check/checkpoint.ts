import { resolve } from 'node:path';
import { recordFiles } from '../checkpoint/file-store.js';
import type { Config } from '../config/schema.js';
import { errorFinding } from './start-verdict.js';
import { whyNotWritable } from './files.js';
import type { CheckFinding } from './check-finding.js';
import { lockFindings } from './lock.js';
import type { Subject } from './subject.js';

/** What is wrong with the checkpoint and its store. */
export async function checkpointFindings(subject: Subject): Promise<readonly CheckFinding[]> {
  const { findings } = await subject.checkpoint();
  const { checkpoint, election, stream } = subject.config;
  if (checkpoint.store !== 'file') return findings;
  const ofFolder = await folderFindings({ path: checkpoint.path, stream }, election);
  // A folder that can't be used holds no record that could be read: that is told once.
  const told = ofFolder.some(({ severity }) => severity === 'error');
  return [...(told ? findings.filter(({ code }) => code !== 'checkpoint-store') : findings), ...ofFolder];
}

async function folderFindings(
  { path, stream }: { path: string; stream: string },
  election: Config['election'],
): Promise<CheckFinding[]> {
  const { record, lock } = recordFiles({ path, stream });
  const problem = await whyNotWritable(resolve(path));
  if (problem !== null) {
    const fix = 'Make the folder writable for this account, or choose another one (checkpoint.path)';
    const message = `The checkpoint ${record} cannot be written: ${problem}`;
    return [errorFinding(null, 'checkpoint-store', message, fix)];
  }
  // Where there is an election, whoever leads has it.
  if (election.backend !== 'none') return [];
  return lockFindings(lock, { code: 'checkpoint-store', subject: `the checkpoint ${record}` });
}
