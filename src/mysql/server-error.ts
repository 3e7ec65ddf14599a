import { formatAddress } from '../config/address.js';
import { type ErrorCode, hasSystemCode, messageOf, WaymarkError } from '../util/errors.js';
import { formatDuration } from '../util/quantities.js';
import type { Instance } from './instance.js';
import { knownLogins } from './login.js';
import { serverText } from './server-text.js';

/**
 * The one place that says who caused an error that came of talking to a server: the server (it refused, or sent what
 * can't be read), the network or this machine (the connection ended, or never stood), or neither. What neither has
 * caused is a mistake of ours, and is given back as it is.
 */

/** An error that the server sent, as mysql2 has it. */
type ServerAnswer = Error & { readonly errno: number; readonly sqlState?: string };

function isServerAnswer(error: unknown): error is ServerAnswer {
  if (!(error instanceof Error && 'errno' in error && 'sqlState' in error)) return false;
  return typeof error.errno === 'number' && error.errno > 0;
}

/**
 * An error with the text of another side in it, without what may not be shown: of mysql2's error for an answer nothing
 * else is kept, for it has the statement and all its values, too.
 */
function cleaned(error: unknown): unknown {
  if (!isServerAnswer(error)) return error;
  const { errno, sqlState, message } = error;
  // mysql2's own name for the number.
  const code = 'code' in error ? { code: error.code } : {};
  return Object.assign(new Error(serverText(message, errno)), { errno, sqlState, ...code });
}

/** What happened to a connection, in words in which the other side may have a part (a certificate's names). */
function reasonIn(error: unknown): string {
  return serverText(messageOf(error));
}

/**
 * The number of the error that the server sent (MySQL 8.0 Error Reference; MariaDB's error codes); null when the error
 * is none of a server's.
 */
export function errorNumberOf(error: unknown): number | null {
  return error instanceof WaymarkError && isServerAnswer(error.cause) ? error.cause.errno : null;
}

/** What the server said, in its own words; the error's message where it said nothing. */
export function serverTextOf(error: unknown): string {
  return messageOf(error instanceof WaymarkError && isServerAnswer(error.cause) ? error.cause : error);
}

/** Codes of errors that a server, the way to it, or its account has caused. */
const serverCodes: ReadonlySet<ErrorCode> = new Set([
  'server-unreachable',
  'access-denied',
  'missing-grant',
  'unsuitable-server',
  'stream-broken',
  'stream-silent',
  'protocol',
]);

/** Whether a server, the way to it, or the account there has caused an error. */
export function isOfServer(error: unknown): error is WaymarkError {
  return error instanceof WaymarkError && serverCodes.has(error.code);
}

/**
 * Numbers for a missing privilege: ER_SPECIFIC_ACCESS_DENIED_ERROR, ER_TABLEACCESS_DENIED_ERROR,
 * ER_DBACCESS_DENIED_ERROR (MySQL 8.0 Error Reference; MariaDB has the same).
 */
const deniedNumbers = new Set([1227, 1142, 1044]);

/** What is wrong with a server that none can be read from. */
export const noBinaryLog = 'writes no binary log (log_bin is OFF)';

/** ER_NO_BINARY_LOGGING */
const noBinaryLoggingNumber = 1381;

/**
 * Numbers with which a server takes its leave: ER_SERVER_SHUTDOWN, ER_NORMAL_SHUTDOWN, ER_SHUTDOWN_COMPLETE,
 * ER_ABORTING_CONNECTION, ER_NET_READ_ERROR, ER_NET_READ_INTERRUPTED, ER_NET_ERROR_ON_WRITE, ER_NET_WRITE_INTERRUPTED,
 * ER_NEW_ABORTING_CONNECTION, MariaDB's ER_CONNECTION_KILLED, MySQL's ER_SESSION_WAS_KILLED and
 * ER_CLIENT_INTERACTION_TIMEOUT (`wait_timeout` since 8.0.24).
 */
const leaveNumbers = new Set([1053, 1077, 1079, 1152, 1158, 1159, 1160, 1161, 1184, 1927, 3169, 4031]);

/** ER_ACCESS_DENIED_ERROR, …_NO_PASSWORD, ER_HOST_NOT_PRIVILEGED, ER_ACCOUNT_HAS_BEEN_LOCKED, ER_MUST_CHANGE_PASSWORD_LOGIN. */
const accessDeniedNumbers = new Set([1045, 1698, 1130, 3118, 4151, 1862]);

/** Whether the server says that the account lacks a privilege. */
export function isDenied(errorNumber: number): boolean {
  return deniedNumbers.has(errorNumber);
}

/** What was read; null when the account lacks the privilege to read it. */
export async function unlessDenied<T>(read: () => Promise<T>): Promise<T | null> {
  try {
    return await read();
  } catch (error) {
    if (isDenied(errorNumberOf(error) ?? 0)) return null;
    throw error;
  }
}

/** The error of an account that lacks a privilege for `purpose`. */
export function missingGrant(
  instance: Instance,
  purpose: string,
  serverText: string,
  cause?: unknown,
): WaymarkError {
  const server = formatAddress(instance.address);
  return new WaymarkError(
    'missing-grant',
    `${server} doesn't let "${instance.account.user}" ${purpose}: ${serverText}. waymark needs REPLICATION SLAVE and ` +
      'REPLICATION CLIENT on *.* (MariaDB 10.5 and later: REPLICATION SLAVE, BINLOG MONITOR and SLAVE MONITOR); ' +
      'waymark check writes the statements out',
    { ...(cause === undefined ? {} : { cause }), details: { server } },
  );
}

/** The error of a server that has not answered within a limit. */
export function unanswered(instance: Instance, purpose: string, limitMs: number, cause: Error): WaymarkError {
  const server = formatAddress(instance.address);
  return new WaymarkError(
    'server-unreachable',
    `${server} did not ${purpose} within ${formatDuration(limitMs)}`,
    {
      cause,
      details: { server },
    },
  );
}

/**
 * What came of a statement, as one of waymark's own errors: `missing-grant`, `unsuitable-server` (it writes no binary
 * log), `stream-broken` (the connection ended, whoever ended it), `protocol` (whatever else the server says, or what
 * can't be read). An error that is ours, or that nobody but us can have caused, is given back as it is.
 * @param purpose what the server was asked to do: "list its binary logs".
 */
export function statementError(thrown: unknown, instance: Instance, purpose: string): unknown {
  if (thrown instanceof WaymarkError) return thrown;
  const error = cleaned(thrown);
  const server = formatAddress(instance.address);
  if (isServerAnswer(error)) return answerError(error, instance, purpose);
  const details = { server };
  if (isUnreadable(error)) {
    const message = `${server} was asked to ${purpose}, and sent what can't be read: ${reasonIn(error)}`;
    return new WaymarkError('protocol', message, { cause: error, details });
  }
  if (!isOfConnection(error)) return error;
  const message = `The connection to ${server} broke while it was asked to ${purpose}: ${reasonIn(error)}`;
  return new WaymarkError('stream-broken', message, { cause: error, details });
}

function answerError(error: ServerAnswer, instance: Instance, purpose: string): WaymarkError {
  const server = formatAddress(instance.address);
  const { errno: errorNumber, message } = error;
  const options = { cause: error, details: { server, errorNumber } };
  if (isDenied(errorNumber)) return missingGrant(instance, purpose, message, error);
  if (errorNumber === noBinaryLoggingNumber) {
    return new WaymarkError('unsuitable-server', `${server} ${noBinaryLog}`, options);
  }
  if (leaveNumbers.has(errorNumber)) {
    const text = `${server} ended the connection while it was asked to ${purpose}: ${message} (${errorNumber})`;
    return new WaymarkError('stream-broken', text, options);
  }
  return new WaymarkError('protocol', `${server} can't ${purpose}: ${message} (${errorNumber})`, options);
}

/** What came of connecting: `access-denied` or `server-unreachable`; a mistake of ours as it is. */
export function connectError(thrown: unknown, { address, account }: Instance): unknown {
  if (thrown instanceof WaymarkError) return thrown;
  const error = cleaned(thrown);
  const server = formatAddress(address);
  const options = { cause: error, details: { server } };
  if (isServerAnswer(error) && accessDeniedNumbers.has(error.errno)) {
    return new WaymarkError(
      'access-denied',
      `${server} refuses the account "${account.user}": ${error.message}. ` +
        `Check user and password (WAYMARK_USER, WAYMARK_PASSWORD or the config file) and the host the account is for`,
      options,
    );
  }
  if (hasSystemCode(error, 'AUTH_SWITCH_PLUGIN_ERROR')) {
    return new WaymarkError(
      'access-denied',
      `${server} wants the account "${account.user}" to log in by a method that waymark does not support. It knows ${knownLogins}`,
      options,
    );
  }
  const foreseen = isServerAnswer(error) || isUnreadable(error) || isOfConnection(error);
  if (!foreseen) return error;
  const message = `${server} cannot be reached: ${reasonIn(error)}. ${advice(error)}`;
  return new WaymarkError('server-unreachable', message, options);
}

function advice(error: unknown): string {
  if (isUnreadable(error) || hasSystemCode(error, 'PROTOCOL_UNEXPECTED_PACKET')) {
    return 'What answers there is no MySQL or MariaDB server: is the port right?';
  }
  if (hasSystemCode(error, 'EMFILE', 'ENFILE')) {
    return 'This process, or this machine, may open no more files: raise the limit (ulimit -n, LimitNOFILE)';
  }
  if (hasSystemCode(error, 'ENOTFOUND', 'EAI_AGAIN', 'EAI_FAIL')) {
    return 'Is the name right, and does the name server answer?';
  }
  if (isOfTls(error)) return 'See "tls" in the config file';
  return 'Is the server up, and are host and port right?';
}

/** Codes that mysql2 gives its errors about TLS, and what Node's end in or begin with (nodejs.org/api/tls.html). */
function isOfTls(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return /^HANDSHAKE_(NO_)?SSL|^ERR_(TLS|SSL)|CERT|^UNABLE_TO_/.test(code);
}

/** The connection has failed: mysql2 says `fatal` then, the system gives a code. */
function isOfConnection(error: unknown): boolean {
  return error instanceof Error && (isFatal(error) || 'code' in error);
}

/** mysql2 has met bytes that it can't take apart, and given the connection up for it. */
function isUnreadable(error: unknown): boolean {
  return (error instanceof TypeError || error instanceof RangeError) && isFatal(error);
}

function isFatal(error: Error): boolean {
  return 'fatal' in error && error.fatal === true;
}
