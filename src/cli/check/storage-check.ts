import { access, constants, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { StoredCheckpoint } from '../../checkpoint/checkpoint.js';
import { createCheckpointStore } from '../../checkpoint/create-store.js';
import { formatAddress } from '../../config/address.js';
import type { Config } from '../../config/schema.js';
import type { Account } from '../../mysql/instance.js';
import { messageOf, WaymarkError, hasSystemCode } from '../../util/errors.js';
import type { CheckedCheckpoint, CheckFinding } from './findings.js';

/** The checkpoint and its store, checked. */
export type CheckpointCheck = {
  readonly findings: readonly CheckFinding[];
  readonly summary: CheckedCheckpoint;
  readonly stored: StoredCheckpoint | null;
  /** Whether it is known that there is, or is no, record. */
  readonly read: boolean;
};

/**
 * Reads the stored checkpoint without touching it, also while an agent runs.
 * @throws the signal's reason when it fires.
 */
export async function checkCheckpoint(
  config: Config,
  account: Account,
  signal: AbortSignal,
): Promise<CheckpointCheck> {
  const store = createCheckpointStore(config.checkpoint, config.stream, { account });
  const unread = { location: store.location, server: null, file: null, position: null, savedAt: null };
  try {
    // A store in a folder reads without being opened, and to open it would take it away from a running agent.
    if (config.checkpoint.store !== 'file') await store.open(signal);
    const stored = await store.load(signal);
    const findings =
      config.checkpoint.store === 'file' ? await checkFolder(config.checkpoint.path, store.location) : [];
    return { findings, stored, read: true, summary: { ...unread, ...describe(stored) } };
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof WaymarkError)) throw error;
    const finding = {
      server: null,
      severity: 'error' as const,
      code: error.code,
      message: error.message,
      fix: checkpointFix(error),
    };
    return { findings: [finding], stored: null, read: false, summary: unread };
  } finally {
    await store.close();
  }
}

function describe(stored: StoredCheckpoint | null): Partial<CheckedCheckpoint> {
  if (stored === null) return {};
  const { server, coordinates, savedAt } = stored.checkpoint;
  return {
    server: formatAddress(server),
    file: coordinates.file,
    position: coordinates.position,
    savedAt: new Date(savedAt).toISOString(),
  };
}

function checkpointFix({ code }: WaymarkError): string {
  if (code === 'checkpoint-damaged') {
    return 'Put back a copy of it; or move it away, and the agent begins anew, at "start" in the config file';
  }
  if (code === 'checkpoint-foreign') return 'Give each stream a store or a name ("stream") of its own';
  return 'See that the store is there and lets this account in';
}

async function checkFolder(path: string, location: string): Promise<CheckFinding[]> {
  const problem = await whyNotWritable(resolve(path));
  if (problem === null) return [];
  return [
    {
      server: null,
      severity: 'error',
      code: 'checkpoint-store',
      message: `The checkpoint ${location} cannot be written: ${problem}`,
      fix: 'Make the folder writable for this account, or choose another one (checkpoint.path)',
    },
  ];
}

/** Checks whether the sink's file can be written, without creating or locking it. */
export async function checkSink(sink: Config['sink']): Promise<CheckFinding[]> {
  if (sink.type !== 'file') return [];
  const path = resolve(sink.path);
  const problem = (await whyNotWritableFile(path)) ?? (await whyNotWritable(dirname(path), true));
  if (problem === null) return [];
  return [
    {
      server: null,
      severity: 'error',
      code: 'sink',
      message: `The file ${path} cannot be written: ${problem}`,
      fix: 'Make it and its folder (for the lock file beside it) writable for this account, or choose another (sink.path)',
    },
  ];
}

async function whyNotWritableFile(path: string): Promise<string | null> {
  try {
    if ((await stat(path)).isDirectory()) return 'it is a folder';
    await access(path, constants.R_OK | constants.W_OK);
    return null;
  } catch (error) {
    return hasSystemCode(error, 'ENOENT') ? null : messageOf(error);
  }
}

/** A folder that is missing will be made below the nearest one that is there, unless it must be there. */
async function whyNotWritable(folder: string, mustExist = false): Promise<string | null> {
  try {
    if (!(await stat(folder)).isDirectory()) return `${folder} is no folder`;
    await access(folder, constants.W_OK | constants.X_OK);
    return null;
  } catch (error) {
    const parent = dirname(folder);
    if (!hasSystemCode(error, 'ENOENT') || parent === folder) return messageOf(error);
    return mustExist ? `there is no folder ${folder}` : whyNotWritable(parent);
  }
}
