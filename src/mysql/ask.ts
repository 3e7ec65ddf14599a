import { abortable } from '../util/abortable.js';
import { TimeOver, within } from '../util/limits.js';
import { type ServerConnection, withConnection } from './connection.js';
import type { Instance } from './instance.js';
import { unanswered } from './server-error.js';

export type Question = {
  /** What the server is asked to do, for messages: "list its binary logs". */
  readonly purpose: string;
  readonly signal: AbortSignal;
  /** For all of it, the connection included where one is made for it. */
  readonly limitMs: number;
};

/** For lists of what a server has many of (threads, foreign keys), where they are asked for once. */
export const longListBytes = 32 * 1024 * 1024;

export type AskOptions = Question & {
  /** For the connection alone; 3 s unless given, and never more than the limit. */
  readonly connectTimeoutMs?: number | undefined;
  /** See {@link connect}. */
  readonly maximumAnswerBytes?: number;
};

/**
 * Asks one server over a connection of its own, which is ended whatever happens.
 * @throws WaymarkError `server-unreachable` (also when it accepts and then doesn't answer within the limit),
 * `access-denied`, `missing-grant`, `unsuitable-server`, `stream-broken`, `protocol`; what `work` throws itself; the
 * signal's reason when it fires.
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
 * Asks something over a connection that is kept. Errors as in {@link askServer}; where the question was not answered,
 * whoever keeps the connection gives it up.
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
