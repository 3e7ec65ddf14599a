import { hasCode, WaymarkError } from '../util/errors.js';
import { countOf } from '../util/quantities.js';
import { describeTransaction, type TransactionKey, type UnreadableError } from '../tail/unreadable-error.js';

/** The failures of a server to deliver a transaction's content. */
export type Failure = { readonly attempts: number; readonly error: UnreadableError };

/**
 * What to do about unreadable content. `again`: ask the same server once more. `elsewhere`: leave it, and don't
 * return to it for this transaction. `end`: end the stream, and say why.
 */
export type NextStep = 'again' | 'elsewhere' | 'end';

/** A damaged event may have been damaged on its way. */
const attemptsBorne = 3;

/** Whether a server has been asked often enough. It won't send anything else. */
function isSpent({ attempts, error }: Failure): boolean {
  return hasCode(error, 'unsupported-event') || attempts >= attemptsBorne;
}

/**
 * What to do when a server has failed at a transaction. Pure. If two servers fail alike, a third one would, too. If
 * there is no other server, there is nothing else to ask.
 * @param failures at that transaction, by server; with this one's.
 * @param members of the pool, by name.
 */
export function nextStep(
  server: string,
  failures: ReadonlyMap<string, Failure>,
  members: readonly string[],
): NextStep {
  const own = failures.get(server);
  if (own && !isSpent(own)) return 'again';
  const others = [...failures].filter(([name]) => name !== server);
  if (others.some(([, failure]) => isSpent(failure))) return 'end';
  return members.some((name) => name !== server) ? 'elsewhere' : 'end';
}

/**
 * Whether two servers failed at the same transaction: by its origin if both logs have one, else by its number after
 * the hint. Pure.
 */
export function isSameTransaction(a: TransactionKey, b: TransactionKey): boolean {
  const comparable = a.origin !== '' && a.origin.slice(0, 2) === b.origin.slice(0, 2);
  return comparable ? a.origin === b.origin : a.hint === b.hint && a.sequence === b.sequence;
}

/** The last transaction whose content could not be read, and the servers that failed at it. */
export type UnreadableContent = {
  readonly transaction: TransactionKey | null;
  /** By server. */
  readonly failures: ReadonlyMap<string, Failure>;
};

/** No unreadable content so far. */
export const allReadable: UnreadableContent = { transaction: null, failures: new Map() };

/** Notes that a server has failed. Pure. */
export function noteFailure(
  { transaction, failures }: UnreadableContent,
  server: string,
  error: UnreadableError,
): UnreadableContent {
  const before =
    transaction !== null && isSameTransaction(transaction, error.transaction)
      ? failures
      : new Map<string, Failure>();
  const attempts = (before.get(server)?.attempts ?? 0) + 1;
  return { transaction: error.transaction, failures: new Map([...before, [server, { attempts, error }]]) };
}

/**
 * The servers that can't go on, and why. Pure.
 * @param sequence transactions delivered after the hint. The next one was not readable.
 */
export function unfitFor(
  { transaction, failures }: UnreadableContent,
  hint: string | null,
  sequence: number,
): ReadonlyMap<string, Error> {
  if (transaction?.hint !== hint || transaction.sequence !== sequence + 1) return new Map();
  const spent = [...failures].filter(([, failure]) => isSpent(failure));
  return new Map(spent.map(([name, { error }]) => [name, error]));
}

/** Why the stream ends: what each server said. Pure. */
export function verdictOf({ failures }: UnreadableContent, last: UnreadableError): WaymarkError {
  const said = [...failures].map(([server, { attempts, error }]) => ({
    server,
    attempts,
    reason: error.message,
  }));
  const reasons = said.map(
    ({ server, attempts, reason }) => `\n  - ${server} (tried ${countOf(attempts, 'time')}): ${reason}`,
  );
  return new WaymarkError(
    last.code,
    `The stream can't go on: ${describeTransaction(last.transaction)} can't be read on ` +
      `${said.length === 1 ? 'the only server that there is' : 'any of the servers that were asked'}.` +
      `${reasons.join('')}\nAdd a server to the pool whose log can be read there, or begin the stream anew after it`,
    { cause: last, details: { ...last.details, failures: said } },
  );
}
