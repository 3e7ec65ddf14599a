import { realpath } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { recordFiles } from '../checkpoint/file-store.js';
import type { Config } from '../config/schema.js';
import { lockPathOf } from '../sinks/file-lock.js';
import { errorFinding } from './at-start.js';
import { whyNotPlainFile, whyNotWritable } from './files.js';
import type { CheckFinding } from './finding.js';
import { lockFindings } from './lock.js';
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
  const problem = (await whyNotPlainFile(path)) ?? (await whyNotWritable(dirname(path), true));
  if (problem !== null) {
    const fix =
      'Make it and its folder (for the lock file beside it) writable for this account, or choose another (sink.path)';
    return [errorFinding(null, 'sink', `The file ${path} cannot be written: ${problem}`, fix)];
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

/** A path without links in it, as far as it is there. */
async function realPath(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch {
    const parent = dirname(path);
    return parent === path ? path : join(await realPath(parent), basename(path));
  }
}
