import { Socket } from 'node:net';
import { createConnection, type Connection as CoreConnection, type ConnectionOptions } from 'mysql2';
import type { Connection } from 'mysql2/promise';
import { formatAddress } from '../config/address.js';
import { withDeadline } from '../util/async.js';
import { messageOf, WaymarkError } from '../util/errors.js';
import type { Account, Instance } from './instance.js';
import { isServerError } from './server-error.js';

const defaultConnectTimeoutMs = 3000;

/**
 * Opens a connection.
 * @throws WaymarkError `server-unreachable` (refused, no route, no answer within the limit, too many connections) or
 * `access-denied`; both name the server and the account.
 */
export async function connect(
  instance: Instance,
  options: { signal?: AbortSignal; connectTimeoutMs?: number } = {},
): Promise<Connection> {
  options.signal?.throwIfAborted();
  const core = createConnection(connectionOptions(instance));
  try {
    await handshake(core, options.connectTimeoutMs ?? defaultConnectTimeoutMs, options.signal);
  } catch (error) {
    discard(core.promise());
    options.signal?.throwIfAborted();
    throw connectError(error, instance);
  }
  // Errors of an idle connection (the server went away) come out at the next query; nobody else listens.
  core.on('error', () => undefined);
  return core.promise();
}

/** The raw socket below a connection (the TLS socket where TLS is on). mysql2 keeps it in `stream`. */
export function socketOf(connection: Connection): Socket {
  const core: unknown = 'connection' in connection ? connection.connection : undefined;
  const stream: unknown =
    typeof core === 'object' && core !== null && 'stream' in core ? core.stream : undefined;
  if (!(stream instanceof Socket))
    throw new WaymarkError('protocol', 'mysql2 gave no socket for the connection');
  return stream;
}

/** How long a server may take to see our goodbye. */
const goodbyeMs = 200;

/**
 * Says goodbye and ends the connection. A connection that just goes away is a line in the server's error log
 * ("Aborted connection"), so this is for all that ends well. Never throws; takes no longer than a moment.
 */
export async function close(connection: Connection): Promise<void> {
  try {
    await withDeadline(connection.end(), goodbyeMs, () => new Error('no answer'));
  } catch {
    // It is gone either way.
  } finally {
    discard(connection);
  }
}

/** Ends a connection at once, without waiting for the server's goodbye; never throws. */
export function discard(connection: Connection): void {
  connection.destroy();
  // mysql2 only says goodbye; a server that is frozen never answers, and the socket would stay.
  socketOf(connection).destroy();
}

function connectionOptions(instance: Instance): ConnectionOptions {
  const { address, account } = instance;
  return {
    host: address.host,
    port: address.port,
    user: account.user,
    password: account.password.reveal(),
    connectTimeout: 0,
    dateStrings: true,
    supportBigNumbers: true,
    bigNumberStrings: true,
    // A server may ask for LOAD DATA LOCAL and then read any file of ours: not a capability we offer.
    flags: ['-LOCAL_FILES'],
    ...(account.tls ? { ssl: tlsOptions(account.tls) } : {}),
  };
}

function tlsOptions(
  tls: NonNullable<Account['tls']>,
): NonNullable<Exclude<ConnectionOptions['ssl'], string>> {
  return {
    ...(tls.ca === undefined ? {} : { ca: tls.ca }),
    ...(tls.cert === undefined ? {} : { cert: tls.cert }),
    ...(tls.key === undefined ? {} : { key: tls.key }),
    rejectUnauthorized: tls.verify ?? true,
    // The certificate must be this host's, not just anybody's whom the same authority trusts.
    verifyIdentity: tls.verify ?? true,
  };
}

/** One limit for all of it: mysql2's own covers the TCP connection alone; a frozen server accepts and never greets. */
function handshake(core: CoreConnection, timeoutMs: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (error: Error | null): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
      if (error) reject(error);
      else resolve();
    };
    const timer = setTimeout(() => {
      // When this process stood still itself, what has come meanwhile (a refusal, too) is taken first.
      setImmediate(() => {
        settle(new Error(`no answer within ${timeoutMs} ms`));
      });
    }, timeoutMs);
    const onAbort = (): void => {
      settle(new Error('aborted'));
    };
    signal?.addEventListener('abort', onAbort, { once: true });
    core.on('error', () => undefined);
    core.connect(settle);
  });
}

/** Server error numbers (MySQL 8.0 Error Reference): ER_ACCESS_DENIED_ERROR, …_NO_PASSWORD, ER_HOST_NOT_PRIVILEGED. */
const accessDeniedNumbers = new Set([1045, 1698, 1130, 3118, 1862]);

function connectError(error: unknown, { address, account }: Instance): WaymarkError {
  const server = formatAddress(address);
  if (isServerError(error) && accessDeniedNumbers.has(error.errno)) {
    return new WaymarkError(
      'access-denied',
      `${server} refuses the account "${account.user}": ${error.message}. ` +
        `Check user and password (WAYMARK_USER, WAYMARK_PASSWORD or the config file) and the host the account is for`,
      { cause: error, details: { server } },
    );
  }
  return new WaymarkError(
    'server-unreachable',
    `${server} cannot be reached: ${messageOf(error)}. Is the server up, and are host and port right?`,
    { cause: error, details: { server } },
  );
}
