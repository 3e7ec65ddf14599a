import { dirname, resolve } from 'node:path';
import { recordFiles } from '../checkpoint/file-store.js';
import type { Config } from '../config/schema.js';
import { statusAt, whySeveralNames } from '../sinks/audit-file.js';
import { lockPathOf } from '../sinks/file-lock.js';
import { errorFinding } from './start-verdict.js';
import { whyNotPlainFile, whyNotWritable } from './files.js';
import type { CheckFinding } from './check-finding.js';
import { lockFindings } from './lock.js';
import { oneFileOfTwo, realPath } from './own-files.js';
import type { Subject } from './subject.js';

/** What is wrong with the sink's file; it is neither made nor locked. */
export async function sinkFindings({ config, ownSink }: Subject): Promise<readonly CheckFinding[]> {
  const { sink, election } = config;
  if (ownSink === true || sink.type !== 'file') return [];
  const path = resolve(sink.path);
  const clash = await clashWithCheckpoint(path, config);
  if (clash !== null) {
    const fix = 'Give the sink a file of its own (sink.path), in another folder than checkpoint.path';
    return [errorFinding(null, 'config', `sink.path: the file ${path} is ${clash} as well`, fix)];
  }
  const pair = await oneFileOfTwo([config]);
  if (pair !== null) {
    const [first, second] = pair;
    const message = `sink.path: ${first.what} (${first.path}) and ${second.what} (${second.path}) are the same file`;
    return [errorFinding(null, 'config', message, 'Give the sink a file of its own (sink.path)')];
  }
  const problem = (await whyNotPlainFile(path)) ?? (await whyNotWritable(dirname(path), true));
  if (problem !== null) {
    const fix =
      'Make it and its folder (for the lock file beside it) writable for this account, or choose another (sink.path)';
    return [errorFinding(null, 'sink', `The file ${path} cannot be written: ${problem}`, fix)];
  }
  const found = await statusAt(path).catch(() => null);
  const severalNames = found && whySeveralNames(path, found);
  if (severalNames !== null) {
    const { code, message } = severalNames;
    return [
      errorFinding(
        severalNames,
        code,
        message,
        'Leave the file only one name, or choose another file (sink.path)',
      ),
    ];
  }
  // Where there is an election, whoever leads has it.
  if (election.backend !== 'none') return [];
  return lockFindings(await lockPathOf(path), { code: 'sink', subject: `the file ${path}` });
}

/** What of the checkpoint's the sink's file, or the lock beside it, would be; null: nothing. */
async function clashWithCheckpoint(path: string, { checkpoint, stream }: Config): Promise<string | null> {
  if (checkpoint.store !== 'file') return null;
  const { folder, record, lock } = recordFiles({ path: checkpoint.path, stream });
  const [file, ...own] = await Promise.all([path, folder, record, lock].map(realPath));
  if (file === own[0]) return "the checkpoint's folder";
  if (file === own[1]) return "the checkpoint's record";
  if (file === own[2]) return "the checkpoint's lock";
  return `${file ?? ''}.lock` === own[2]
    ? 'a namesake of the checkpoint, and would have the same lock'
    : null;
}
