import type { LogEvent } from './command.js';

/** A line of the story: a step of its own, or a detail of the one before. */
export type StoryLine =
  | { readonly kind: 'step'; readonly text: string }
  | { readonly kind: 'detail'; readonly name: string; readonly text: string };

/** Gives a server's address a name that a person can follow: `replica 1`. */
export type NameOf = (address: string) => string;

/** Which server the agent reads from here on; null when the event doesn't say. */
export function serverNow({ event, ...fields }: LogEvent): string | null {
  return event === 'stream.started' ? textOf(fields['server']) : null;
}

/** What the agent's log says, for the audience; events that are of no interest to it give nothing. */
export function tell(entry: LogEvent, nameOf: NameOf): readonly StoryLine[] {
  const field = (name: string): string => textOf(entry[name]);
  switch (entry.event) {
    case 'replica.suspect':
      return [detail('suspicion', `${field('reason')} (${field('code')})`)];
    case 'failover.started':
      return [
        detail('diagnosis', `${nameOf(field('from'))} is ${field('finding')}: ${probed(field('probe'))}`),
        detail('last hint', field('hint')),
        detail('old place', `${field('coordinates')} on ${nameOf(field('from'))}${cutOff(entry)}`),
      ];
    case 'stream.reconnecting':
      return [detail('diagnosis', `${nameOf(field('from'))} lives, only the stream broke: reconnecting`)];
    case 'candidate.behind':
      return [detail('candidate', `${nameOf(field('server'))} lacks what was delivered: waiting for it`)];
    case 'candidate.rejected':
      return [detail('candidate', `${nameOf(field('server'))} can't go on: ${field('reason')}`)];
    case 'candidate.located':
      return [detail('candidate', located(entry, nameOf))];
    case 'failover.refused':
      return [detail('no candidate', 'no server can go on now, trying again')];
    case 'failover.done':
      return [
        detail('new place', `${field('coordinates')} on ${nameOf(field('to'))}`),
        detail('compared', `${field('skipped')} transactions that were delivered already stand there, too`),
        detail('confidence', meaningOf(field('confidence'))),
        detail('blackout', `${field('blackoutMs')} ms without news from a server`),
        { kind: 'step', text: `The stream goes on from ${nameOf(field('to'))}.` },
      ];
    default:
      return [];
  }
}

function detail(name: string, text: string): StoryLine {
  return { kind: 'detail', name, text };
}

function probed(outcome: string): string {
  switch (outcome) {
    case 'refused':
      return 'its port refuses connections';
    case 'no-answer':
      return 'a second connection gets no answer';
    default:
      return `a second connection says "${outcome}"`;
  }
}

function cutOff({ partialChanges }: LogEvent): string {
  const changes = Number(partialChanges ?? 0);
  return changes > 0 ? `, ${changes} changes into a transaction that it did not finish` : '';
}

function located(
  { server, hint, file, position, bytesScanned, elapsedMs }: LogEvent,
  nameOf: NameOf,
): string {
  const size = (Number(bytesScanned) / 1e6).toFixed(1);
  return (
    `${nameOf(textOf(server))} has hint ${textOf(hint)} at ${textOf(file)}:${textOf(position)} ` +
    `(${size} MB read in ${textOf(elapsedMs)} ms)`
  );
}

function meaningOf(confidence: string): string {
  switch (confidence) {
    case 'exact':
      return 'exact: same transactions, same content, same order since that hint';
    case 'reordered':
      return 'reordered: same transactions and content since that hint, in another order';
    default:
      return confidence;
  }
}

function textOf(value: unknown): string {
  if (typeof value === 'string') return value;
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : 'none';
}
