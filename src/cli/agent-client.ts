import { z } from 'zod';
import { type Address, formatAddress } from '../config/address.js';
import type { Config } from '../config/schema.js';
import { type ErrorCode, messageOf, WaymarkError } from '../util/errors.js';
import { formatDuration } from '../util/quantities.js';

/** What a running agent answered. */
export type AgentAnswer = { readonly code: number; readonly body: string };

/** What is asked of a running agent, and how long it may take over it. */
type Question = {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly limitMs: number;
};

/**
 * Asks the agent that runs with a configuration, over its HTTP listener.
 * @throws WaymarkError `agent-unreachable` when none answers there in time; and the signal's reason when it fires.
 */
export async function askAgent(
  listen: Address,
  question: Question,
  signal: AbortSignal,
): Promise<AgentAnswer> {
  const { method, path, headers = {}, body, limitMs } = question;
  const address = formatAddress({ ...listen, host: reachable(listen.host) });
  const limit = new AbortController();
  const timer = setTimeout(() => {
    limit.abort(new Error(`no answer within ${formatDuration(limitMs)}`));
  }, limitMs);
  try {
    const response = await fetch(`http://${address}${path}`, {
      method,
      headers: { connection: 'close', ...headers },
      redirect: 'error',
      signal: AbortSignal.any([signal, limit.signal]),
      ...(body === undefined ? {} : { body }),
    });
    return { code: response.status, body: await response.text() };
  } catch (error) {
    signal.throwIfAborted();
    throw unreachable(address, reasonOf(error), error);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * The configured listener.
 * @throws WaymarkError `agent-unreachable` when there is none, or it is at whichever port was free.
 */
export function listenerOf({ http }: Config): Address {
  if (http === undefined) {
    throw new WaymarkError(
      'agent-unreachable',
      'The config file has no "http", so its agent can\'t be asked. Add it, for example http: {listen: 127.0.0.1:9464}, and start the agent again',
    );
  }
  if (http.listen.port !== 0) return http.listen;
  throw new WaymarkError(
    'agent-unreachable',
    '"http.listen" has port 0, which means any free port. So the agent of this config file can\'t be found',
  );
}

const errorSchema = z.object({ error: z.looseObject({ message: z.string() }) });

/** The error that an agent answered with. */
export function errorOf(listen: Address, { code, body }: AgentAnswer): WaymarkError {
  const parsed = errorSchema.safeParse(parseJson(body));
  if (!parsed.success) {
    return unreachable(formatAddress(listen), `what answers there (${code}) is not an agent of this version`);
  }
  const { message, ...details } = parsed.data.error;
  return new WaymarkError(codes.get(code) ?? 'agent-unreachable', message, { details });
}

/** What the agent's HTTP codes mean here. */
const codes: ReadonlyMap<number, ErrorCode> = new Map([
  [400, 'usage'],
  [401, 'token-refused'],
  [403, 'config'],
  [409, 'switch-refused'],
]);

/** A JSON text's value; undefined when it isn't JSON. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Whoever listens everywhere is reached on this machine. */
function reachable(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1';
  return host === '::' ? '::1' : host;
}

function unreachable(address: string, reason: string, cause?: unknown): WaymarkError {
  return new WaymarkError(
    'agent-unreachable',
    `No agent answers at ${address}: ${reason}. Does it run, with this "http.listen"?`,
    { cause, details: { address } },
  );
}

/** `fetch` says no more than "fetch failed"; its cause says why. */
function reasonOf(error: unknown): string {
  if (error instanceof Error && error.cause instanceof Error) return messageOf(error.cause);
  return messageOf(error);
}
