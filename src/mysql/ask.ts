import { abortable } from '../util/abortable.js';
import { TimeOver, within } from '../util/limits.js';
import { type ServerConnection, withConnection } from './connection.js';
import type { Instance } from './instance.js';
import { unanswered } from './server-error.js';

/** What a server is asked, and for how long. */
export type Question = {
  /** What the server is asked to do, for messages: "list its binary logs". */
  readonly purpose: string;
  readonly signal: AbortSignal;
  /** The limit for everything. If a connection is opened for the question, that counts too. */
  readonly limitMs: number;
};

/** The limit for one-time answers that list what a server has many of: threads, foreign keys. */
export const longListBytes = 32 * 1024 * 1024;

/** A question that opens a connection. */
export type AskOptions = Question & {
  /** The limit for connecting alone. 3 s by default, and never more than `limitMs`. */
  readonly connectTimeoutMs?: number | undefined;
  /** See {@link connect}. */
  readonly maximumAnswerBytes?: number;
};

/**
 * Asks one server over a new connection, and ends the connection whatever happens.
 * @throws WaymarkError `server-unreachable` (also if the server accepts the connection but doesn't answer within the
 *   limit), `access-denied`, `missing-grant`, `unsuitable-server`, `stream-broken`, `protocol`. Also throws what `work`
 *   throws, and the signal's reason if it fires.
 */
export async function askServer<T>(
  instance: Instance,
  { purpose, signal, limitMs, connectTimeoutMs, maximumAnswerBytes }: AskOptions,
  work: (connection: ServerConnection) => Promise<T>,
): Promise<T> {
  const question = { purpose, signal, limitMs };
  return limited(instance, question, (limit) => {
    const options = {
      ...{ signal: limit, connectTimeoutMs, purpose },
      ...(maximumAnswerBytes === undefined ? {} : { maximumAnswerBytes }),
    };
    return withConnection(instance, options, (connection) => abortable(work(connection), limit));
  });
}

/**
 * Asks a server over a connection that the caller keeps. Errors as in {@link askServer}. If there was no answer, the
 * caller must give the connection up.
 */
export function askOver<T>(
  connection: ServerConnection,
  question: Question,
  work: (connection: ServerConnection) => Promise<T>,
): Promise<T> {
  connection.purpose = question.purpose;
  return limited(connection.instance, question, (limit) => abortable(work(connection), limit));
}

async function limited<T>(
  instance: Instance,
  { purpose, signal, limitMs }: Question,
  work: (limit: AbortSignal) => Promise<T>,
): Promise<T> {
  try {
    return await within(limitMs, [signal], work);
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof TimeOver) throw unanswered(instance, purpose, limitMs, error);
    throw error;
  }
}
