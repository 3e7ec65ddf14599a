import type { StoredCheckpoint } from '../checkpoint/checkpoint.js';
import { createCheckpointStore } from '../checkpoint/create-store.js';
import type { Config } from '../config/schema.js';
import type { Account } from '../mysql/instance.js';
import { WaymarkError } from '../util/errors.js';
import { within } from '../util/limits.js';
import type { AnswerLimit } from './answer-limit.js';
import type { CheckFinding } from './check-finding.js';
import { holderFindings } from './holder.js';
import { tableFindings } from './own-tables.js';
import { errorFinding } from './start-verdict.js';

/** The stored checkpoint, as far as it could be read. */
export type CheckpointState = {
  /** Where it is, for people. */
  readonly location: string;
  readonly findings: readonly CheckFinding[];
  readonly stored: StoredCheckpoint | null;
  /** Whether it is known that there is, or is no, record. */
  readonly read: boolean;
};

/**
 * Reads the stored checkpoint without touching it, also while an agent runs.
 * @throws the signal's reason when it fires.
 */
export async function readStored(
  { checkpoint, election, stream }: Config,
  account: Account,
  { signal, limitMs }: AnswerLimit,
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
    const { holderNote } = store;
    // Where there is an election, whoever leads has it.
    const findings =
      holderNote === null || election.backend !== 'none'
        ? []
        : await within(limitMs, [signal], (limit) => holderFindings(holderNote, location, limit));
    return { location, findings, stored, read: true };
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
  if (code === 'checkpoint-damaged') {
    const fix =
      'Restore a copy of it. Or move it away: then the agent begins anew, at "start" in the config file';
    return [message, fix];
  }
  if (code === 'checkpoint-foreign')
    return [message, 'Give each stream a store or a name ("stream") of its own'];
  return [message, 'See that the store is there and lets this account in'];
}
