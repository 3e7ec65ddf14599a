import { formatAddress } from '../config/address.js';
import type { Config } from '../config/schema.js';
import { readAccount } from '../mysql/account.js';
import { type Account, type Instance, instanceBehind, instanceOf } from '../mysql/instance.js';
import { addressesOf, isHostName } from '../pool/host-names.js';
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
  /** The members of the pool: where host names stand for several, all of them. None without an account. */
  readonly members: () => Promise<readonly Instance[]>;
  /** The members, each examined, in the same order. */
  readonly servers: () => Promise<readonly PreflightReport[]>;
  readonly checkpoint: () => Promise<CheckpointState>;
};

/** Reads the account; all else is looked at when a condition asks for it. */
export async function subjectOf(config: Config, options: SubjectOptions): Promise<Subject> {
  const found = await accountOf(config);
  const account = 'account' in found ? found.account : null;
  const members = once(async () => (account === null ? [] : membersOf(config, account, options.signal)));
  const unread = { location: config.checkpoint.store, findings: [], stored: null, read: false };
  return {
    ...options,
    config,
    account,
    accountError: 'error' in found ? found.error : null,
    members,
    servers: once(async () => examineAll(await members(), config, options)),
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

async function membersOf(
  { servers, discover }: Config,
  account: Account,
  signal: AbortSignal,
): Promise<readonly Instance[]> {
  const found = servers.map(async (server): Promise<readonly Instance[]> => {
    const { address } = server;
    if (discover?.from !== 'dns' || !isHostName(address)) return [instanceOf(server, account)];
    try {
      const addresses = await addressesOf(address, signal);
      return addresses.map((one) => instanceBehind(server, one, account));
    } catch {
      signal.throwIfAborted();
      // Connecting to the name says why.
      return [instanceOf(server, account)];
    }
  });
  const all = (await Promise.all(found)).flat();
  const names = all.map(({ address }) => formatAddress(address));
  return all.filter((_, index) => names.indexOf(names[index] ?? '') === index);
}

function examineAll(
  members: readonly Instance[],
  { filter }: Config,
  { signal, limitMs }: SubjectOptions,
): Promise<readonly PreflightReport[]> {
  return Promise.all(
    members.map((instance) => examineServer(instance, { signal, tables: filter, timeoutMs: limitMs })),
  );
}

function once<T>(look: () => Promise<T>): () => Promise<T> {
  let found: Promise<T> | null = null;
  return () => (found ??= look());
}
