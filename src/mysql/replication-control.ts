import { formatAddress } from '../config/address.js';
import { sleep } from '../util/async.js';
import { monotonicMs } from '../util/clock.js';
import { hasCode, WaymarkError } from '../util/errors.js';
import { TimeOver } from '../util/limits.js';
import { askOver } from './ask.js';
import { type ServerConnection, withConnection } from './connection.js';
import type { Instance } from './instance.js';
import { type Dialect, dialectOf, type ReplicationThread, type SourceChange } from './dialect.js';
import { readReplicaStatus, type ReplicaStatus } from './replica-status.js';
import { hasAppliedAll } from './server-facts.js';
import type { ServerVersion } from './version.js';
import { formatDuration } from '../util/quantities.js';

/** One channel of a replica, and a connection for the time of the work on it. */
export type ReplicaControl = {
  readonly instance: Instance;
  readonly server: string;
  readonly version: ServerVersion;
  readonly channel: string;
  readonly connection: ServerConnection;
  readonly signal: AbortSignal;
};

/** A live server shows its status within this time. */
const statusLimitMs = 10_000;

/**
 * MySQL with several appliers waits a minute for the rest of a cut-off transaction before it stops (rpl_parallel.cc,
 * SLAVE_WAIT_GROUP_DONE). It also finishes a large transaction first.
 */
const stopLimitMs = 180_000;

/** A thread that can run starts within moments. A receiver on a loaded machine may take longer to reach its source. */
const startLimitMs = 30_000;

/** A receiver that can't connect tries again. An error that lasts this long won't pass by itself. */
const retryLimitMs = 5_000;

/** How long an applier may stand still before waymark reports it. */
const standstillLimitMs = 120_000;

/** If an idle applier stands still for this long, what is left is a cut-off transaction. */
const settledMs = 2_000;

const pollMs = 100;

/** Passes one channel of a replica to `work`, and ends the connection whatever happens. */
export async function withReplica<T>(
  instance: Instance,
  version: ServerVersion,
  channel: string,
  signal: AbortSignal,
  work: (replica: ReplicaControl) => Promise<T>,
): Promise<T> {
  const server = formatAddress(instance.address);
  return withConnection(instance, { signal }, (connection) =>
    work({ instance, server, version, channel, connection, signal }),
  );
}

/**
 * Reads the status of the channel.
 * @throws WaymarkError `replication` if the channel has gone.
 */
export async function channelStatus(replica: ReplicaControl): Promise<ReplicaStatus> {
  const { connection, version, server, channel } = replica;
  const channels = await ask(replica, 'show its replication status', statusLimitMs, () =>
    readReplicaStatus(connection, version),
  );
  const status = channels.find(({ name }) => name === channel);
  if (status) return status;
  throw replicationError(replica, `${server} no longer replicates from any server`);
}

/** Stops a thread. Resolves when it has stopped. */
export async function stopThread(replica: ReplicaControl, thread: ReplicationThread): Promise<void> {
  await run(replica, dialect(replica).stopThread(thread, replica.channel), `stop its ${thread}`, stopLimitMs);
  await until(replica, `stop its ${thread}`, startLimitMs, (status) => !isRunning(status, thread));
}

/**
 * Starts a thread. Resolves when it runs. A receiver runs when it is connected to the source.
 * @throws WaymarkError `replication` with the server's own reason, if the thread ends, can't connect for a while, or
 *   doesn't run in time.
 */
export async function startThread(replica: ReplicaControl, thread: ReplicationThread): Promise<void> {
  await sendStart(replica, thread);
  let failingSince: number | null = null;
  await until(replica, `start its ${thread}`, startLimitMs, (status) => {
    if (isRunning(status, thread)) return true;
    const error = thread === 'receiver' ? status.receiverError : status.applierError;
    if (error === '') return false;
    failingSince ??= monotonicMs();
    const ended = endingOf(status, thread) !== '';
    if (!ended && monotonicMs() - failingSince < retryLimitMs) return false;
    throw replicationError(replica, `The ${thread} of ${replica.server} doesn't run: ${error}`);
  });
}

/** Starts a thread without waiting for it to run, because its source may be away. */
export async function sendStart(replica: ReplicaControl, thread: ReplicationThread): Promise<void> {
  const sql = dialect(replica).startThread(thread, replica.channel);
  await run(replica, sql, `start its ${thread}`, statusLimitMs);
}

/**
 * Gives the channel another source. Both threads must have stopped. The server throws away what it has received and not
 * applied.
 */
export async function changeSource(replica: ReplicaControl, change: SourceChange): Promise<void> {
  const sql = dialect(replica).changeSource(change, replica.channel);
  await run(replica, sql, 'change its source', statusLimitMs);
}

/**
 * What an applier has applied: everything that was received, or everything except a transaction whose end was not
 * received.
 */
export type Applied = 'all' | 'all-but-cut-off';

/**
 * Resolves when the applier has applied everything that the stopped receiver has fetched. A transaction whose end was
 * not received stays undone. Then the applier is idle, and its coordinates don't change.
 * @throws WaymarkError `replication` if the applier stops, or stands still for too long.
 */
export async function waitUntilApplied(replica: ReplicaControl): Promise<Applied> {
  let place = '';
  let since = monotonicMs();
  for (;;) {
    const status = await channelStatus(replica);
    const { executed, received, applierRunning, applierIdle, applierError, domainsLevel } = status;
    if (!applierRunning) {
      const why = applierError === '' ? 'somebody stopped it' : applierError;
      throw replicationError(replica, `The applier of ${replica.server} stopped: ${why}`);
    }
    if (hasAppliedAll(status)) return 'all';
    const now = `${executed.file}:${String(executed.position)}`;
    if (now !== place) since = monotonicMs();
    place = now;
    const standing = monotonicMs() - since;
    if (applierIdle && domainsLevel && standing > settledMs) return 'all-but-cut-off';
    if (standing > standstillLimitMs) {
      throw replicationError(
        replica,
        `The applier of ${replica.server} has been at ${now} of its source's log for ${formatDuration(standstillLimitMs)}, ` +
          `and has not applied everything that was received (up to ${received.file}:${String(received.position)}). ` +
          'See what it waits for (SHOW PROCESSLIST)',
      );
    }
    await sleep(pollMs, replica.signal);
  }
}

/** Resolves when the applier has moved on, or after {@link settledMs}. */
export async function waitUntilMoved(replica: ReplicaControl): Promise<void> {
  const { executed } = await channelStatus(replica);
  const deadline = monotonicMs() + settledMs;
  while (monotonicMs() < deadline) {
    const now = (await channelStatus(replica)).executed;
    if (now.file !== executed.file || now.position !== executed.position) return;
    await sleep(pollMs, replica.signal);
  }
}

/**
 * Reads the channel's status again and again until `accept` returns true.
 * @throws WaymarkError `replication` if that takes too long.
 */
async function until(
  replica: ReplicaControl,
  what: string,
  limitMs: number,
  accept: (status: ReplicaStatus) => boolean,
): Promise<void> {
  const deadline = monotonicMs() + limitMs;
  for (;;) {
    const status = await channelStatus(replica);
    if (accept(status)) return;
    if (monotonicMs() > deadline) {
      const why = status.lastError === '' ? '' : `: ${status.lastError}`;
      throw replicationError(
        replica,
        `${replica.server} did not ${what} within ${formatDuration(limitMs)}${why}`,
      );
    }
    await sleep(pollMs, replica.signal);
  }
}

/** Whether a thread runs. A receiver that is still connecting doesn't. */
function isRunning(status: ReplicaStatus, thread: ReplicationThread): boolean {
  return thread === 'receiver' ? status.receiverRunning : status.applierRunning;
}

/** Whether the receiver has stopped. A receiver that is trying to connect hasn't. */
export function hasEnded({ receiverState }: ReplicaStatus): boolean {
  return receiverState === 'No';
}

/** Says why a thread has ended. '' if it hasn't, or the reason isn't known. */
export function endingOf(status: ReplicaStatus, thread: ReplicationThread): string {
  if (thread === 'receiver') return hasEnded(status) ? status.receiverError : '';
  return status.applierRunning ? '' : status.applierError;
}

function dialect({ version }: ReplicaControl): Dialect {
  return dialectOf(version);
}

async function run(replica: ReplicaControl, sql: string, what: string, limitMs: number): Promise<void> {
  try {
    await ask(replica, what, limitMs, () => replica.connection.run(sql));
  } catch (error) {
    if (!hasCode(error, 'missing-grant')) throw error;
    const { server, instance } = replica;
    const { controlPrivilege } = dialect(replica);
    throw new WaymarkError(
      'missing-grant',
      `${server} doesn't let "${instance.account.user}" ${what}: GRANT ${controlPrivilege} ON *.* TO it`,
      { cause: error, details: { server } },
    );
  }
}

/** Asks over the replica's connection. A server that doesn't answer in time hasn't done what it was told. */
async function ask<T>(
  replica: ReplicaControl,
  purpose: string,
  limitMs: number,
  work: () => Promise<T>,
): Promise<T> {
  const { connection, signal, server } = replica;
  try {
    return await askOver(connection, { purpose, signal, limitMs }, work);
  } catch (error) {
    if (!(hasCode(error, 'server-unreachable') && error.cause instanceof TimeOver)) throw error;
    throw replicationError(replica, `${server} did not ${purpose} within ${formatDuration(limitMs)}`);
  }
}

function replicationError({ server }: ReplicaControl, message: string): WaymarkError {
  return new WaymarkError('replication', message, { details: { server } });
}
