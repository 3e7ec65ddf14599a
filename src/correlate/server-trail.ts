import { type Coordinates, firstPosition, formatCoordinates } from '../binlog/coordinates.js';
import { formatAddress } from '../config/address.js';
import { listBinaryLogs } from '../mysql/log-list.js';
import type { BinaryLog } from '../mysql/server-facts.js';
import { WaymarkError } from '../util/errors.js';
import type { HintPlace } from '../matching/hint-scan.js';
import { behind } from '../matching/history.js';
import { historyStart } from '../matching/trail-before.js';
import {
  hintBefore,
  type HistoryBeforeOptions,
  readUpTo,
  requireBoundary,
  requirePlace,
} from '../matching/history-before.js';
import type { HistoryStep } from '../matching/match-state.js';
import { type TrailEntry, transactionsBetweenGtids } from '../matching/trail.js';

/** A server's history up to a place as a trail, with the steps that its entries were made from. */
export type ServerTrail = { readonly entries: readonly TrailEntry[]; readonly steps: readonly HistoryStep[] };

/**
 * Reads a server's history from a hint before a place up to it or, if there is no hint, from a GTID. It includes errant
 * transactions, because another server may replicate from this one. The other server may lack them, so they are
 * optional.
 * @param hasGtids whether both servers have the same GTIDs.
 * @throws WaymarkError `coordinates`, `no-trail` (no anchor before the place), and what reading the log throws.
 */
export async function readServerTrail(
  target: Coordinates,
  hasGtids: boolean,
  options: HistoryBeforeOptions,
): Promise<ServerTrail> {
  const logs = await listBinaryLogs(options.instance, options.signal, options.connectTimeoutMs);
  requirePlace(target, logs, options, 'Give a place that is there');
  const hint = await hintBefore(target, logs, options);
  if (hint === null) {
    const byGtid = hasGtids ? await readByGtid(target, logs, options) : null;
    if (byGtid !== null) return byGtid;
    await requireBoundary(target, logs, options);
    throw noHint(target, options);
  }
  const steps = [hintStep(hint)];
  await readUpTo(
    { at: behind(hint), sourceServerId: hint.serverId },
    target,
    logs,
    options,
    (step) => void steps.push(step),
  );
  return { entries: steps.map((step) => entryOf(step, step.kind === 'transaction' && step.errant)), steps };
}

/** The history before a place, from a GTID on. Null if there is none. */
async function readByGtid(
  target: Coordinates,
  logs: readonly BinaryLog[],
  options: HistoryBeforeOptions,
): Promise<ServerTrail | null> {
  const begun = await historyStart(target, logs, options);
  if (begun === null) return null;
  const steps: HistoryStep[] = [];
  await readUpTo({ at: begun.from, sourceServerId: null }, target, logs, options, (step) => {
    // Hints that come after are transactions as any other.
    if (step.kind === 'transaction') steps.push(step);
  });
  return anchoredByGtid(steps);
}

/** The transactions with some of their GTIDs as anchors. Null if none has one that the other server must have, too. */
export function anchoredByGtid(transactions: readonly HistoryStep[]): ServerTrail | null {
  const steps: HistoryStep[] = [];
  let since = Number.POSITIVE_INFINITY;
  for (const step of transactions) {
    if (step.kind !== 'transaction') continue;
    if (since >= transactionsBetweenGtids && step.gtid && !step.errant) {
      steps.push({ kind: 'gtid', gtid: step.gtid, start: step.start, end: step.start });
      since = 0;
    }
    // Before the first anchor, nothing can be compared.
    if (steps.length > 0) steps.push(step);
    since += 1;
  }
  if (steps.length === 0) return null;
  return { entries: steps.map((step) => entryOf(step, step.kind === 'transaction' && step.errant)), steps };
}

/**
 * The trail with up to `count` transactions from before its first hint. On a server that commits in another order
 * they may come after that hint. So they are optional.
 */
export async function lengthened(
  trail: ServerTrail,
  count: number,
  options: HistoryBeforeOptions,
): Promise<ServerTrail> {
  const first = trail.steps[0];
  if (first === undefined) return trail;
  const logs = await listBinaryLogs(options.instance, options.signal, options.connectTimeoutMs);
  const at = { file: fileBefore(first.start.file, logs), position: firstPosition };
  let steps: HistoryStep[] = [];
  await readUpTo({ at, sourceServerId: null }, first.end, logs, options, (step) => {
    if (step.kind !== 'transaction') return;
    steps.push(step);
    if (steps.length > 2 * count) steps = steps.slice(-count);
  });
  steps = steps.slice(-count);
  return {
    entries: [...steps.map((step) => entryOf(step, true)), ...trail.entries],
    steps: [...steps, ...trail.steps],
  };
}

function fileBefore(file: string, logs: readonly BinaryLog[]): string {
  return logs[logs.findIndex((log) => log.file === file) - 1]?.file ?? file;
}

function hintStep({ hint, file, position, endPosition, serverId }: HintPlace): HistoryStep {
  const start = { file, position };
  return { kind: 'hint', hint, start, end: { file, position: endPosition }, serverId };
}

/** A step as an entry of a trail. */
export function entryOf(step: HistoryStep, optional: boolean): TrailEntry {
  if (step.kind === 'hint') return { kind: 'hint', hint: step.hint, coordinates: step.start };
  if (step.kind === 'gtid') return { kind: 'gtid', gtid: step.gtid, coordinates: step.start };
  return { kind: 'transaction', identity: step.identity, ...(optional ? { optional } : {}) };
}

function noHint(target: Coordinates, { instance }: HistoryBeforeOptions): WaymarkError {
  const server = formatAddress(instance.address);
  return new WaymarkError(
    'no-trail',
    `The binary log of ${server} has no hint shortly before ${formatCoordinates(target)}, and the two servers have no ` +
      'GTIDs in common, so the place cannot be found on another server. Are hints injected on the source (waymark ' +
      'inject)? If so, wait for the next one',
    { details: { server, ...target } },
  );
}
