import type { Config } from '../config/schema.js';
import { readAccount } from '../mysql/account.js';
import { type Account, instanceOf } from '../mysql/instance.js';
import { examineServer, type PreflightReport } from '../preflight/preflight.js';
import { hasCode, type WaymarkError } from '../util/errors.js';
import { type CheckpointState, readStored } from './stored-checkpoint.js';
import type { AnswerLimit } from './answer-limit.js';

/** How the conditions of a configuration are tested. */
export type SubjectOptions = AnswerLimit & {
  /** Whether the records go to a sink of the caller's, and not where the configuration says. */
  readonly ownSink?: boolean;
};

/** What the conditions are tested on: a stream's configuration, and what several of them ask of the world, asked once. */
export type Subject = SubjectOptions & {
  readonly config: Config;
  /** Null when its files can't be read: see `accountError`. */
  readonly account: Account | null;
  readonly accountError: WaymarkError | null;
  /** The members of the pool, each examined; none without an account. */
  readonly servers: () => Promise<readonly PreflightReport[]>;
  readonly checkpoint: () => Promise<CheckpointState>;
};

/** Reads the account; all else is looked at when a condition asks for it. */
export async function subjectOf(config: Config, options: SubjectOptions): Promise<Subject> {
  const found = await accountOf(config);
  const account = 'account' in found ? found.account : null;
  const unread = { location: config.checkpoint.store, findings: [], stored: null, read: false };
  return {
    ...options,
    config,
    account,
    accountError: 'error' in found ? found.error : null,
    servers: once(async () => (account === null ? [] : examinePool(config, account, options))),
    checkpoint: once(async () => (account === null ? unread : readStored(config, account, options))),
  };
}

async function accountOf(config: Config): Promise<{ account: Account } | { error: WaymarkError }> {
  try {
    return { account: await readAccount(config) };
  } catch (error) {
    if (hasCode(error, 'config')) return { error };
    throw error;
  }
}

function examinePool(
  { servers, filter }: Config,
  account: Account,
  { signal, limitMs }: SubjectOptions,
): Promise<readonly PreflightReport[]> {
  return Promise.all(
    servers.map((server) =>
      examineServer(instanceOf(server, account), { signal, tables: filter, timeoutMs: limitMs }),
    ),
  );
}

function once<T>(look: () => Promise<T>): () => Promise<T> {
  let found: Promise<T> | null = null;
  return () => (found ??= look());
}
