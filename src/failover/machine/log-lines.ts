/** The log lines about a stream's life. docs/runbook.md, Log events, explains them. */
import { type Coordinates, formatCoordinates } from '../../binlog/coordinates.js';
import type { DifferenceReport } from '../../shadow/difference-report.js';
import { messageOf, type WaymarkError } from '../../util/errors.js';
import { formatDuration } from '../../util/quantities.js';
import type { Finding } from '../diagnosis.js';
import type { Switch } from '../switch.js';
import type { LogAction } from './action.js';
import type { Placed } from './event.js';
import type { Loss, LossDiagnosis, Move, Stand } from './state.js';

type Reasons = readonly { readonly server: string; readonly reason: string }[];

function line(level: LogAction['level'], fields: LogAction['fields'], message: string): LogAction {
  return { do: 'log', level, fields, message };
}

/** Where reading begins, and a warning if no switch is possible from there. Pure. */
export function placed(place: Placed): LogAction[] {
  const { server, serverId, version, coordinates, hint, gtid, confidence, matched, isAnchored } = place;
  const fields = { server, serverId, version, ...coordinates, hint, gtid, confidence, skipped: matched };
  const begins = line(
    'info',
    { event: 'stream.started', ...fields },
    `Reading ${server} from ${formatCoordinates(coordinates)}`,
  );
  if (isAnchored) return [begins];
  const missing = line(
    'warn',
    { event: 'hints.missing', server },
    'There is no hint before this place. Until the first one arrives, the loss of this server is an error. ' +
      'Inject hints on the source (waymark inject)',
  );
  return [begins, missing];
}

/** A stream has ended by itself. Pure. */
export function suspected(server: string, error: WaymarkError): LogAction {
  return line(
    'warn',
    { event: 'replica.suspect', server, code: error.code, reason: error.message },
    `${server} is suspect: ${messageOf(error)}`,
  );
}

/** No server can be reached. Pure. */
export function isolated(server: string, reasons: readonly string[]): LogAction {
  return line(
    'error',
    { event: 'stream.isolated', server, finding: 'isolated', reasons },
    'No server can be reached, which says nothing about them. The stream stays, and goes on when one can be reached',
  );
}

/** The finding for a server whose stream ended, and the consequence. Pure. */
export function lost(
  server: string,
  { finding, reasons, probe }: LossDiagnosis,
  reconnects: boolean,
  stand: Stand,
): LogAction {
  return line(
    'warn',
    {
      event: reconnects ? 'stream.reconnecting' : 'failover.started',
      ...{ from: server, finding, reasons, probe, ...stood(stand) },
    },
    reconnects
      ? `${server} lives; reconnecting there`
      : `${server} is ${finding} (${reasons.join('; ')}); looking for another server`,
  );
}

/** The stream leaves a server while it still runs. Pure. */
export function left(server: string, { cause, reasons, target }: Move, stand: Stand): LogAction {
  return line(
    'warn',
    { event: 'failover.started', from: server, to: target, finding: cause, reasons, ...stood(stand) },
    `Leaving ${server} for ${target ?? 'another server'} (${cause})`,
  );
}

/** The stream goes over from a server that was lost to its shadow. Pure. */
export function wentOver(server: string, shadow: string, stand: Stand): LogAction {
  return line(
    'warn',
    {
      event: 'failover.started',
      from: server,
      to: shadow,
      finding: 'stream-broken',
      reasons: [],
      ...stood(stand),
    },
    `The stream from ${server} broke; going over to its shadow ${shadow}`,
  );
}

/** A server is read beside the stream's from now on, in place of another one or where there was none. Pure. */
export function shadowBegan(server: string, before: string | null): LogAction {
  return line(
    'info',
    { event: 'shadow.started', server, before },
    `${server} is read beside the stream's server, as its shadow${before === null ? '' : `, in place of ${before}`}`,
  );
}

/** A shadow has ended by itself, or its place couldn't be proved. Pure. */
export function shadowEnded(server: string, wasProved: boolean, error: unknown): LogAction {
  const reason = messageOf(error);
  return line(
    'warn',
    { event: 'shadow.ended', server, reason },
    `${server} ${wasProved ? 'is no longer' : "can't be"} the shadow: ${reason}`,
  );
}

/** The stream's server and its shadow have something otherwise. Pure. */
export function diverged({
  difference,
  server,
  other,
  shown,
  unshownBecause,
  more,
}: DifferenceReport): LogAction {
  const { kind, hint, origin, errant, delivered, beside } = difference;
  const at = (place: Coordinates | null): string | null => place && formatCoordinates(place);
  const places = { coordinates: at(beside), otherCoordinates: at(delivered) };
  return line(
    'warn',
    {
      event: 'replica.diverged',
      ...{ server, other, kind, hint, origin, errant, ...places },
      ...{ table: shown?.table ?? null, key: shown?.key ?? null, columns: shown?.columns ?? [] },
      ...{ statement: shown?.statement ?? null, row: shown?.row ?? null, unshownBecause, more },
    },
    `${differenceInWords(server, other, difference)}${changeInWords(shown)}${placesInWords(server, other, places)}` +
      (unshownBecause === null ? '' : `. What differs can't be shown: ${unshownBecause}`),
  );
}

function differenceInWords(
  server: string,
  other: string,
  { kind, hint, errant }: DifferenceReport['difference'],
): string {
  const what = hint === null ? 'a transaction' : 'a hint';
  switch (kind) {
    case 'content':
      return `${server} and ${other} have a transaction with different content`;
    case 'missing':
      return `${server} lacks ${what} that ${other} has`;
    case 'extra':
      return errant
        ? `${server} has an errant transaction: it was written directly on that server`
        : `${server} has ${what} that ${other} lacks`;
    case 'repeated':
      return `${server} has a transaction twice`;
  }
}

function changeInWords(shown: DifferenceReport['shown']): string {
  if (shown === null) return '';
  const { table, key, columns, statement } = shown;
  if (table === null) return statement === null ? '' : ` (${statement})`;
  const row = key === null ? '' : `, row ${JSON.stringify(key)}`;
  const names =
    columns.length === 0 ? '' : `, column${columns.length === 1 ? '' : 's'} ${columns.join(', ')}`;
  return ` (table ${table}${row}${names})`;
}

function placesInWords(
  server: string,
  other: string,
  places: { readonly coordinates: string | null; readonly otherCoordinates: string | null },
): string {
  const { coordinates, otherCoordinates } = places;
  const words = [
    ...(coordinates === null ? [] : [`${coordinates} on ${server}`]),
    ...(otherCoordinates === null ? [] : [`${otherCoordinates} on ${other}`]),
  ];
  return words.length === 0 ? '' : `, at ${words.join(' and ')}`;
}

/** The server that is read lags behind its shadow, and the stream stays. Pure. */
export function lags(server: string, shadow: string, leadMs: number, reason: string): LogAction {
  return line(
    'warn',
    { event: 'server.lags', server, shadow, leadMs, reason },
    `${server} lags behind its shadow ${shadow} by ${formatDuration(leadMs)}: ${reason}. The stream stays there`,
  );
}

/** The first record has come from the next server, or the stream is level with it. Pure. */
export function arrived(change: Switch, loss: Loss, blackoutMs: number): LogAction {
  const { from, to, hint, gtid, confidence, skipped, finding, timeline } = change;
  const coordinates = formatCoordinates(change.coordinates);
  return line(
    'info',
    {
      event: 'failover.done',
      ...{ from, to, hint, gtid, confidence, skipped, blackoutMs, finding, coordinates, timeline },
    },
    `The stream goes on from ${to} (${confidence ?? 'unverified'}), ` +
      `${formatDuration(blackoutMs)} after the last word from ${loss.server}`,
  );
}

/** The finding for the current server, and why the stream stays. Pure. */
export function diagnosed(
  server: string,
  { finding, reasons }: { readonly finding: Finding; readonly reasons: readonly string[] },
  stays: boolean,
  rejections: Reasons,
): LogAction {
  const message = `${server} is ${finding}${reasons.length > 0 ? `: ${reasons.join('; ')}` : ''}`;
  return line(
    finding === 'healthy' ? 'info' : 'warn',
    { event: 'server.diagnosed', server, finding, reasons, stays, rejections },
    stays ? `${message}. The stream stays there` : message,
  );
}

/** The stream can't go on from a server that was tried. Pure. */
export function rejected(server: string, reason: string, again: boolean): LogAction {
  return line(
    'warn',
    { event: 'candidate.rejected', server, reason, again },
    `${server} can't go on with the stream: ${reason}`,
  );
}

/** The stream can't go on from a server that was tried alone. Pure. */
export function cantGoOn(server: string, reason: string): LogAction {
  return line(
    'warn',
    { event: 'stream.reconnect-failed', server, reason },
    `${server} can't go on with the stream: ${reason}`,
  );
}

/** At a start, the stream can't go on from the checkpoint's server. Pure. */
export function restartsElsewhere(server: string, reason: string): LogAction {
  return line('warn', { event: 'restart.elsewhere', server, reason }, 'Trying the whole pool');
}

/** The stream can go on from no server now. Pure. */
export function nobodyCan(reasons: Reasons): LogAction {
  return line(
    'error',
    { event: 'failover.refused', reasons },
    "The stream can't go on from any server of the pool now. Trying again until it can",
  );
}

/** How far the stream had come. */
function stood({ hint, coordinates, partialChanges }: Stand) {
  return {
    hint: hint?.token ?? null,
    coordinates: formatCoordinates(coordinates),
    partialChanges,
  };
}
