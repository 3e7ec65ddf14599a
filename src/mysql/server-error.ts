import { formatAddress } from '../config/address.js';
import { type ErrorCode, hasSystemCode, messageOf, WaymarkError } from '../util/errors.js';
import { formatDuration } from '../util/quantities.js';
import type { Instance } from './instance.js';
import { knownLogins } from './login.js';
import { serverText } from './server-text.js';

/**
 * The one module that says who caused an error of talking to a server. It may be the server: it refused, or sent
 * something unreadable. It may be the network or this machine: the connection ended, or couldn't be opened. An error
 * that neither has caused is a bug of waymark's, and is returned unchanged.
 */

/** An error that the server sent, as mysql2 represents it. */
type ServerAnswer = Error & { readonly errno: number; readonly sqlState?: string };

function isServerAnswer(error: unknown): error is ServerAnswer {
  if (!(error instanceof Error && 'errno' in error && 'sqlState' in error)) return false;
  return typeof error.errno === 'number' && error.errno > 0;
}

/**
 * Returns an error without what must not be shown. mysql2's error for a server's answer also has the statement and all
 * its values. So only number, state, code and a cleaned text are kept.
 */
function cleaned(error: unknown): unknown {
  if (!isServerAnswer(error)) return error;
  const { errno, sqlState, message } = error;
  // mysql2's own name for the number.
  const code = 'code' in error ? { code: error.code } : {};
  return Object.assign(new Error(serverText(message, errno)), { errno, sqlState, ...code });
}

/**
 * Returns what happened to a connection. The other side may have written part of that text (the names in a
 * certificate).
 */
function reasonIn(error: unknown): string {
  return serverText(messageOf(error));
}

/**
 * Returns the number of the error that the server sent (MySQL 8.0 Error Reference; MariaDB's error codes). Null if no
 * server sent the error.
 */
export function errorNumberOf(error: unknown): number | null {
  return error instanceof WaymarkError && isServerAnswer(error.cause) ? error.cause.errno : null;
}

/** Returns what the server said, in its own words. If it said nothing, returns the error's message. */
export function serverTextOf(error: unknown): string {
  return messageOf(error instanceof WaymarkError && isServerAnswer(error.cause) ? error.cause : error);
}

/** Codes of errors that a server, the way to it, or the account there has caused. */
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
 * Error numbers for a missing privilege: ER_SPECIFIC_ACCESS_DENIED_ERROR, ER_TABLEACCESS_DENIED_ERROR,
 * ER_DBACCESS_DENIED_ERROR (MySQL 8.0 Error Reference; the same in MariaDB).
 */
const deniedNumbers = new Set([1227, 1142, 1044]);

/** Why nothing can be read from a server without a binary log. */
export const noBinaryLog = 'writes no binary log (log_bin is OFF)';

/** ER_NO_BINARY_LOGGING */
const noBinaryLoggingNumber = 1381;

/**
 * Error numbers with which a server ends a connection: ER_SERVER_SHUTDOWN, ER_NORMAL_SHUTDOWN, ER_SHUTDOWN_COMPLETE,
 * ER_ABORTING_CONNECTION, ER_NET_READ_ERROR, ER_NET_READ_INTERRUPTED, ER_NET_ERROR_ON_WRITE, ER_NET_WRITE_INTERRUPTED,
 * ER_NEW_ABORTING_CONNECTION, MariaDB's ER_CONNECTION_KILLED, MySQL's ER_SESSION_WAS_KILLED and
 * ER_CLIENT_INTERACTION_TIMEOUT (`wait_timeout` since 8.0.24).
 */
const leaveNumbers = new Set([1053, 1077, 1079, 1152, 1158, 1159, 1160, 1161, 1184, 1927, 3169, 4031]);

/**
 * ER_ACCESS_DENIED_ERROR, …_NO_PASSWORD, ER_HOST_NOT_PRIVILEGED, ER_ACCOUNT_HAS_BEEN_LOCKED,
 * ER_MUST_CHANGE_PASSWORD_LOGIN.
 */
const accessDeniedNumbers = new Set([1045, 1698, 1130, 3118, 4151, 1862]);

/** Whether the error number says that the account lacks a privilege. */
export function isDenied(errorNumber: number): boolean {
  return deniedNumbers.has(errorNumber);
}

/** Returns what `read` returns. Null if the account lacks the privilege for it. */
export async function unlessDenied<T>(read: () => Promise<T>): Promise<T | null> {
  try {
    return await read();
  } catch (error) {
    if (isDenied(errorNumberOf(error) ?? 0)) return null;
    throw error;
  }
}

/** Returns the error of an account that lacks a privilege for `purpose`. */
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
      'waymark check prints the statements',
    { ...(cause === undefined ? {} : { cause }), details: { server } },
  );
}

/** Returns the error of a server that has not answered within a limit. */
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
 * Turns what a statement threw into one of waymark's errors: `missing-grant`, `unsuitable-server` (the server writes no
 * binary log), `stream-broken` (the connection ended, whoever ended it), `protocol` (the server sent any other error,
 * or something unreadable). A WaymarkError, or an error that only a bug of waymark's can cause, is returned unchanged.
 * @param purpose what the server was asked to do: "list its binary logs".
 */
export function statementError(thrown: unknown, instance: Instance, purpose: string): unknown {
  if (thrown instanceof WaymarkError) return thrown;
  const error = cleaned(thrown);
  const server = formatAddress(instance.address);
  if (isServerAnswer(error)) return answerError(error, instance, purpose);
  const details = { server };
  if (isUnreadable(error)) {
    const message = `${server} was asked to ${purpose}, and sent something unreadable: ${reasonIn(error)}`;
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

/**
 * Turns what connecting threw into `access-denied` or `server-unreachable`. A bug of waymark's is returned unchanged.
 */
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
      `${server} wants the account "${account.user}" to log in by a method that waymark does not support. waymark supports ${knownLogins}`,
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
    return 'That is no MySQL or MariaDB server. Is the port right?';
  }
  if (hasSystemCode(error, 'EMFILE', 'ENFILE')) {
    return 'This process or this machine can open no more files: raise the limit (ulimit -n, LimitNOFILE)';
  }
  if (hasSystemCode(error, 'ENOTFOUND', 'EAI_AGAIN', 'EAI_FAIL')) {
    return 'Is the name right, and does the name server answer?';
  }
  if (isOfTls(error)) return 'See "tls" in the config file';
  return 'Is the server up, and are host and port right?';
}

/** Whether an error is about TLS, by the codes of mysql2 and of Node (nodejs.org/api/tls.html). */
function isOfTls(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return /^HANDSHAKE_(NO_)?SSL|^ERR_(TLS|SSL)|CERT|^UNABLE_TO_/.test(code);
}

/** Whether the connection has failed. mysql2 marks such an error as `fatal`, and the system gives it a code. */
function isOfConnection(error: unknown): boolean {
  return error instanceof Error && (isFatal(error) || 'code' in error);
}

/** Whether mysql2 couldn't parse what it received, and has given up the connection. */
function isUnreadable(error: unknown): boolean {
  return (error instanceof TypeError || error instanceof RangeError) && isFatal(error);
}

function isFatal(error: Error): boolean {
  return 'fatal' in error && error.fatal === true;
}
