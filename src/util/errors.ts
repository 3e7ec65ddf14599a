import { inspect } from 'node:util';

/**
 * What went wrong, for programs. Every error that waymark raises on purpose has one of these codes. Code decides by the
 * code of an error, never by its text.
 */
export type ErrorCode =
  | 'usage'
  | 'config'
  | 'conditions'
  | 'server-unreachable'
  | 'access-denied'
  | 'missing-grant'
  | 'unsuitable-server'
  | 'protocol'
  | 'checksum'
  | 'stream-broken'
  | 'stream-silent'
  | 'unsupported-event'
  | 'coordinates'
  | 'not-found'
  | 'behind'
  | 'purged'
  | 'server-behind'
  | 'diverged'
  | 'out-of-order'
  | 'no-trail'
  | 'no-candidate'
  | 'switch-refused'
  | 'checkpoint-damaged'
  | 'checkpoint-foreign'
  | 'checkpoint-conflict'
  | 'checkpoint-store'
  | 'election-store'
  | 'missing-table'
  | 'not-leader'
  | 'sink'
  | 'spool'
  | 'refused'
  | 'replication'
  | 'not-put-back'
  | 'interrupted'
  | 'agent-unreachable'
  | 'token-refused';

/** The exit codes of the command line. */
export const exitCodes = {
  done: 0,
  failed: 1,
  usage: 2,
  notFound: 3,
  diverged: 4,
  behind: 5,
  purged: 6,
} as const;

/**
 * An error that waymark raises on purpose: a literal code, a message for the operator, and the cause if there is one.
 */
export class WaymarkError extends Error {
  override readonly name = 'WaymarkError';
  readonly code: ErrorCode;
  /** Facts about the error (server, file, position, …), for logs and `--json`. Never a secret. */
  readonly details: Readonly<Record<string, unknown>>;

  constructor(
    code: ErrorCode,
    message: string,
    options: { cause?: unknown; details?: Readonly<Record<string, unknown>> } = {},
  ) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined);
    this.code = code;
    this.details = options.details ?? {};
  }
}

/** Whether `error` is a WaymarkError with that code. */
export function hasCode(error: unknown, code: ErrorCode): error is WaymarkError {
  return error instanceof WaymarkError && error.code === code;
}

/** Returns the exit code of the command line for an error. */
export function exitCodeOf(error: unknown): number {
  if (!(error instanceof WaymarkError)) return exitCodes.failed;
  switch (error.code) {
    case 'usage':
    case 'config':
      return exitCodes.usage;
    case 'not-found':
      return exitCodes.notFound;
    case 'diverged':
      return exitCodes.diverged;
    case 'behind':
    case 'server-behind':
      return exitCodes.behind;
    case 'purged':
      return exitCodes.purged;
    case 'conditions':
    case 'server-unreachable':
    case 'access-denied':
    case 'missing-grant':
    case 'unsuitable-server':
    case 'protocol':
    case 'checksum':
    case 'stream-broken':
    case 'stream-silent':
    case 'unsupported-event':
    case 'coordinates':
    case 'out-of-order':
    case 'no-trail':
    case 'no-candidate':
    case 'switch-refused':
    case 'checkpoint-damaged':
    case 'checkpoint-foreign':
    case 'checkpoint-conflict':
    case 'checkpoint-store':
    case 'election-store':
    case 'missing-table':
    case 'not-leader':
    case 'sink':
    case 'spool':
    case 'refused':
    case 'replication':
    case 'not-put-back':
    case 'interrupted':
    case 'agent-unreachable':
    case 'token-refused':
      return exitCodes.failed;
  }
}

/** Returns an error as JSON shows it: its code, its message, and the facts about it. */
export function errorDocument({ details, code, message }: WaymarkError): Record<string, unknown> {
  return { ...details, code, message };
}

/**
 * Returns the text of anything thrown, for messages and logs. It is never empty. If a host name has several addresses
 * and none can be reached, Node throws an AggregateError without a message (net.connect, autoSelectFamily). The errors
 * in it have the reasons.
 */
export function messageOf(error: unknown): string {
  if (typeof error === 'string' && error !== '') return error;
  if (!(error instanceof Error)) return inspect(error, { depth: 1, breakLength: Infinity });
  if (error.message !== '') return error.message;
  if (error instanceof AggregateError && error.errors.length > 0) {
    return [...new Set(error.errors.map(messageOf))].join('; ');
  }
  return 'code' in error && typeof error.code === 'string' ? error.code : error.name;
}

/** Whether an error comes from Node or the system and has one of these codes (errno(3): `ENOENT`). */
export function hasSystemCode(error: unknown, ...codes: readonly string[]): boolean {
  return (
    error instanceof Error && 'code' in error && typeof error.code === 'string' && codes.includes(error.code)
  );
}

/**
 * Whether an error says that the system refused a call. Node names the call in such an error
 * (nodejs.org/api/errors.html).
 */
export function isSystemError(error: unknown): error is Error {
  return error instanceof Error && 'syscall' in error && 'code' in error && typeof error.code === 'string';
}
