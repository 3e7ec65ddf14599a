import { resolve } from 'node:path';
import { createCheckpointStore } from '../checkpoint/create-store.js';
import { recordFiles } from '../checkpoint/file-store.js';
import type { Config } from '../config/schema.js';
import type { Account } from '../mysql/instance.js';
import { WaymarkError } from '../util/errors.js';
import { within } from '../util/limits.js';
import { errorFinding } from './at-start.js';
import { whyNotWritable } from './files.js';
import type { CheckFinding } from './finding.js';
import { lockFindings } from './lock.js';
import type { CheckpointState, Subject, SubjectOptions } from './subject.js';
import { tableFindings } from './tables.js';

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

/**
 * Reads the stored checkpoint without touching it, also while an agent runs.
 * @throws the signal's reason when it fires.
 */
export async function readStored(
  { checkpoint, stream }: Config,
  account: Account,
  { signal, limitMs }: Pick<SubjectOptions, 'signal' | 'limitMs'>,
): Promise<CheckpointState> {
  const store = createCheckpointStore(checkpoint, stream, { account });
  const { location } = store;
  if (checkpoint.store === 'mysql') {
    // Without its table nothing else can be said of what is kept in it.
    const findings = await tableFindings('checkpoint', checkpoint, account, { signal, limitMs });
    if (findings.length > 0) return { location, findings, stored: null, read: false };
  }
  try {
    const stored = await within(limitMs, [signal], async (limit) => {
      // A store in a folder reads without being opened, and to open it would make the folder.
      if (checkpoint.store !== 'file') await store.open(limit);
      return store.load(limit);
    });
    return { location, findings: [], stored, read: true };
  } catch (error) {
    signal.throwIfAborted();
    return { location, findings: [storeFinding(error, location)], stored: null, read: false };
  } finally {
    await store.close();
  }
}

function storeFinding(error: unknown, location: string): CheckFinding {
  if (error instanceof WaymarkError) {
    return errorFinding(error, error.code, ...wordsOf(error));
  }
  // Out of time before the store itself was.
  if (!(error instanceof Error)) throw error;
  const message = `The checkpoint ${location} can't be read: ${error.message}`;
  return errorFinding(
    error,
    'checkpoint-store',
    message,
    'See that the store is there and lets this account in',
  );
}

function wordsOf(error: WaymarkError): [message: string, fix: string] {
  const { code, message } = error;
  if (code === 'no-zookeeper-client') return clientWords('checkpoint.store', error);
  if (code === 'checkpoint-damaged') {
    const fix =
      'Put back a copy of it; or move it away, and the agent begins anew, at "start" in the config file';
    return [message, fix];
  }
  if (code === 'checkpoint-foreign')
    return [message, 'Give each stream a store or a name ("stream") of its own'];
  return [message, 'See that the store is there and lets this account in'];
}

/** What to say where the configuration wants a client for ZooKeeper and there is none. */
export function clientWords(key: string, error: WaymarkError): [message: string, fix: string] {
  return [
    `${key} is zookeeper. ${error.message}`,
    'Install it where waymark is installed: npm install zookeeper (it is compiled there, which takes python3, make ' +
      `and g++, and doesn't work on Node.js 26); or keep what ${key} is about in MySQL, or on this machine alone`,
  ];
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
