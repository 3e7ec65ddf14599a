import { formatCoordinates } from '../binlog/coordinates.js';
import { type Comparison, comparisonOf, weaker } from '../transactions/identity.js';
import { formatAddress } from '../config/address.js';
import { getsMore, isReplica } from '../mysql/inspect.js';
import { WaymarkError } from '../util/errors.js';
import { type CorrelateOptions, type NamedTransaction, nameOfTransaction } from './result.js';
import type { HistoryStep, PassedOver } from '../matching/match-state.js';
import { firstDifference, readParts } from './transaction-parts.js';

/** A step, described for people and programs. */
export function nameStep(server: string, step: HistoryStep): NamedTransaction {
  const { start, end } = step;
  return { server, start, end, ...originOf(step) };
}

function originOf(step: HistoryStep): Pick<NamedTransaction, 'origin' | 'second'> {
  switch (step.kind) {
    case 'hint':
      return { origin: `hint ${step.hint.token}`, second: 0 };
    case 'gtid':
      return { origin: step.gtid, second: 0 };
    case 'transaction': {
      const { origin, second } = step.identity;
      return { origin, second };
    }
  }
}

/** `to` has everything of the trail up to some transaction, and its log ends there. */
export function behindError(missing: readonly HistoryStep[], options: CorrelateOptions): WaymarkError {
  const { from, to, at } = serversOf(options);
  const [step] = missing;
  const first = step === undefined ? null : nameStep(from, step);
  return new WaymarkError(
    'server-behind',
    `${to} is behind ${at} on ${from}: it lacks ${missing.length} of the transactions before that place` +
      (first === null ? '' : `; the first is ${nameOfTransaction(first)}`) +
      `. ${adviceFor(options)}`,
    { details: { server: to, first, count: missing.length } },
  );
}

/** Advises waiting only if the server still receives more. */
function adviceFor({ from, to }: CorrelateOptions): string {
  if (getsMore(to.inspection)) return 'Wait until it has them, or choose another server';
  if (isReplica(to.inspection)) return 'Its replication stands still: start it, or choose another server';
  const other = formatAddress(from.instance.address);
  return `It replicates from no server, so they never arrive: move it below ${other}, or choose another server`;
}

/** Not even the hints before the place have arrived on `to`. */
export function farBehindError(cause: WaymarkError, options: CorrelateOptions): WaymarkError {
  const { from, to, at } = serversOf(options);
  return new WaymarkError(
    'server-behind',
    `${to} is far behind ${at} on ${from}: ${cause.message}. ${adviceFor(options)}`,
    { cause, details: { ...cause.details, first: null, count: null } },
  );
}

/** Both have everything before the place, but on `to` a transaction is among it that comes later on `from`. */
export function outOfOrderError(
  strange: HistoryStep,
  behind: readonly PassedOver[],
  options: CorrelateOptions,
): WaymarkError {
  const { from, to, at } = serversOf(options);
  const [first] = behind;
  const between = nameStep(to, strange);
  return new WaymarkError(
    'out-of-order',
    `No single place on ${to} is right, because it commits in another order than ${from}. ` +
      `${nameOfTransaction(between)} comes after ${at} on ${from}. On ${to}, ` +
      `${behind.length} transactions from before that place come after it` +
      (first === undefined ? '' : `, the first at ${formatCoordinates(first.start)}`) +
      '. Stop both servers’ appliers at the same transaction, or let the replica catch up, and try again',
    {
      details: {
        server: to,
        between,
        behind: behind.slice(0, 10).map(({ start, identity }) => ({ start, origin: identity.origin })),
        count: behind.length,
      },
    },
  );
}

/** The servers differ. Finds and names the table. */
export async function divergedError(
  missing: readonly HistoryStep[],
  unknown: readonly HistoryStep[],
  listed: boolean,
  options: CorrelateOptions,
): Promise<WaymarkError> {
  const { from, to } = serversOf(options);
  const [wanted] = missing;
  const twin = wanted && unknown.find((step) => haveSameOrigin(step, wanted));
  const instead = twin ?? unknown[0] ?? null;
  const first = wanted === undefined ? null : nameStep(from, wanted);
  const other = instead === null ? null : nameStep(to, instead);
  const by = comparisonOfSteps(wanted, twin);
  // A relay log can't be read again, and statements are not compared with rows.
  const comparable = !listed && by !== 'origin';
  const difference =
    wanted && comparable ? await partOf(wanted, twin ?? null, by === 'content', options) : null;
  const what = difference?.what ?? null;
  return new WaymarkError(
    'diverged',
    `${to} and ${from} differ. ` +
      (first === null ? '' : `The first difference is ${nameOfTransaction(first)}`) +
      (what === null ? '' : `, with ${what}`) +
      (first === null ? '' : twin === undefined ? `, which ${to} doesn't have there. ` : ': ') +
      (other === null
        ? ''
        : `${to} has ${twin === undefined ? '' : 'other content in '}${nameOfTransaction(other)}` +
          (twin === undefined ? ' instead. ' : '. ')) +
      `Compare the data of the two`,
    {
      details: {
        server: to,
        first,
        instead: other,
        table: difference?.table ?? null,
        part: what,
      },
    },
  );
}

/** Where two versions of a transaction differ. If there is only one, how it begins. */
async function partOf(
  wanted: HistoryStep,
  twin: HistoryStep | null,
  byContent: boolean,
  { from, to, signal }: CorrelateOptions,
): Promise<{ readonly table: string | null; readonly what: string } | null> {
  const parts = await readParts(wanted.start, { instance: from.instance, signal });
  if (twin === null) return parts[0] ?? null;
  const others = await readParts(twin.start, { instance: to.instance, signal });
  const difference = firstDifference(parts, others, byContent);
  return difference && (difference.a ?? difference.b);
}

/** How both can be compared. */
function comparisonOfSteps(...steps: readonly (HistoryStep | undefined)[]): Comparison {
  const digests = steps.flatMap((step) => (step?.kind === 'transaction' ? [step.identity.digest] : []));
  return digests.map(comparisonOf).reduce(weaker, 'content');
}

/** Whether two transactions have the same origin, whatever their content. */
export function haveSameOrigin(a: HistoryStep, b: HistoryStep): boolean {
  if (a.kind !== 'transaction' || b.kind !== 'transaction') return false;
  return a.identity.origin !== '' && a.identity.origin === b.identity.origin;
}

function serversOf({ from, to, at }: CorrelateOptions): { from: string; to: string; at: string } {
  return {
    from: formatAddress(from.instance.address),
    to: formatAddress(to.instance.address),
    at: formatCoordinates(at),
  };
}
