import { hasCode, WaymarkError } from '../util/errors.js';
import { countOf } from '../util/quantities.js';
import { nameOfPlace, type TransactionPlace, type UnreadableError } from '../tail/unreadable.js';

/** What has become of a transaction's content on a server. */
export type Failure = { readonly attempts: number; readonly error: UnreadableError };

/**
 * What is done where content can't be read: `again`: ask the same server once more; `elsewhere`: leave it, and not come
 * back to it for this transaction; `end`: the stream ends, and says why.
 */
export type NextStep = 'again' | 'elsewhere' | 'end';

/** A damaged event may have been damaged on its way. */
const attemptsBorne = 3;

/** Whether a server has been asked often enough: it won't send anything else. */
function isSpent({ attempts, error }: Failure): boolean {
  return hasCode(error, 'unsupported-event') || attempts >= attemptsBorne;
}

/**
 * What is done when a server has failed at a transaction. Pure. What two servers have alike no third one will have
 * otherwise; and where there is no other server, nobody else can be asked.
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
 * Whether two servers failed at the same transaction: where both logs tell its origin, that says so, and else how many
 * have come behind which hint. Pure.
 */
export function isSamePlace(a: TransactionPlace, b: TransactionPlace): boolean {
  const comparable = a.origin !== '' && a.origin.slice(0, 2) === b.origin.slice(0, 2);
  return comparable ? a.origin === b.origin : a.hint === b.hint && a.sequence === b.sequence;
}

/** What content could not be read, and where: of one transaction, the last that a server failed at. */
export class UnreadableContent {
  #place: TransactionPlace | null = null;
  #failures = new Map<string, Failure>();

  /** A server has failed: what is done. */
  failed(server: string, error: UnreadableError, members: readonly string[]): NextStep {
    if (this.#place === null || !isSamePlace(this.#place, error.transaction)) this.#failures = new Map();
    this.#place = error.transaction;
    const attempts = (this.#failures.get(server)?.attempts ?? 0) + 1;
    this.#failures.set(server, { attempts, error });
    return nextStep(server, this.#failures, members);
  }

  /**
   * The servers that can't go on, and why.
   * @param sequence transactions that have been delivered behind the hint: what was not readable is the next one.
   */
  unfit(hint: string | null, sequence: number): ReadonlyMap<string, Error> {
    const place = this.#place;
    if (place?.hint !== hint || place.sequence !== sequence + 1) return new Map();
    const spent = [...this.#failures].filter(([, failure]) => isSpent(failure));
    return new Map(spent.map(([name, { error }]) => [name, error]));
  }

  /** Why the stream ends: what each server said. */
  verdict(last: UnreadableError): WaymarkError {
    const failures = [...this.#failures].map(([server, { attempts, error }]) => ({
      server,
      attempts,
      reason: error.message,
    }));
    const reasons = failures.map(
      ({ server, attempts, reason }) => `\n  - ${server} (tried ${countOf(attempts, 'time')}): ${reason}`,
    );
    return new WaymarkError(
      last.code,
      `The stream can't go on: ${nameOfPlace(last.transaction)} can't be read on ` +
        `${failures.length === 1 ? 'the only server that there is' : 'any of the servers that were asked'}.` +
        `${reasons.join('')}\nGive the pool a server whose log can be read there, or begin the stream anew behind it`,
      { cause: last, details: { ...last.details, failures } },
    );
  }
}
