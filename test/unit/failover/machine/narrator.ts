import type { Action, LogAction } from '../../../../src/failover/machine/action.js';
import type { Contender } from '../../../../src/failover/machine/contenders.js';
import type { Phase, Waiting } from '../../../../src/failover/machine/state.js';
import { messageOf, WaymarkError } from '../../../../src/util/errors.js';
import { formatDuration } from '../../../../src/util/quantities.js';

/** A phase, as an operator reads it. */
export function phaseInWords(phase: Phase): string {
  switch (phase.kind) {
    case 'standing-by':
      return `standing by: ${phase.leader === null ? "the leader isn't known" : `${phase.leader} leads`}`;
    case 'starting':
      return phase.led ? 'starting: looking for the place to begin' : 'starting';
    case 'reading':
      return `reading ${phase.server}`;
    case 'suspecting':
      return `suspecting ${phase.lost.server}`;
    case 'choosing':
      return 'choosing which servers to try';
    case 'proving':
      return `proving: ${phase.search.contenders.map(standingInWords).join(', ')}`;
    case 'waiting':
      return waitingInWords(phase);
    case 'stopping':
      return `stopping: ${firstLine(phase.reason)}`;
    case 'halted':
      return `halted: ${firstLine(phase.reason)}${phase.retry ? `; tried again ${formatDuration(phase.retry.retryMs)} later` : ''}`;
  }
}

function waitingInWords(waiting: Waiting): string {
  switch (waiting.why) {
    case 'network':
      return 'waiting: for the network';
    case 'pause':
      return 'waiting: streams break again and again';
    case 'pool':
      return `waiting: the stream can go on nowhere now (${waiting.search.contenders.map(standingInWords).join(', ')})`;
  }
}

function standingInWords({ server, standing }: Contender): string {
  switch (standing.status) {
    case 'waiting':
      return `${server} in reserve`;
    case 'trying':
      return `${server} is being tried`;
    case 'behind':
      return `${server} is behind`;
    case 'ready':
      return `${server} has the place`;
    case 'failing':
      return `${server} can't go on now`;
    case 'rejected':
      return `${server} can't go on`;
  }
}

/** What is done, as an operator reads it. */
export function actionInWords(action: Action): string[] {
  switch (action.do) {
    case 'log':
      return logInWords(action);
    case 'count-switch':
      return [`count a switch (${action.change.finding})`];
    case 'count-blackout':
      return [`count a blackout of ${formatDuration(action.blackoutMs)}`];
    case 'read':
      return ['save the checkpoint, and read'];
    case 'leave':
      return ['stop reading, to go on elsewhere'];
    case 'look':
      return ['probe all servers, so that the evidence is there'];
    case 'investigate':
      return [`probe ${action.server} and all others${graceInWords(action.graceMs)}`];
    case 'renew-server-id':
      return ['take another server id'];
    case 'wait':
      return [`wait ${formatDuration(action.ms)}`];
    case 'survey':
      return [];
    case 'try':
      return [`try ${action.server}${limitInWords(action.inMs, action.limitMs)}`];
    case 'stop-trying':
      return ['stop trying'];
    case 'take':
      return [`take ${action.server}`];
    case 'rehearse':
      return [`ask ${action.server} to show within ${formatDuration(action.limitMs)} that it could go on`];
    case 'answer':
      return [
        action.outcome instanceof Error
          ? `answer the operator: ${action.outcome.message}`
          : `answer the operator: moved from ${action.outcome.from} to ${action.outcome.to}`,
      ];
    case 'shadow':
      return [`read ${action.server} beside it`];
    case 'look-beside':
      return [`probe ${action.server} and its shadow ${action.shadow}`];
    case 'end-shadow':
      return [`stop reading ${action.server} beside it`];
    case 'give-up':
      return [`no server has the place: ${errorInWords(action.error)}`];
    case 'end':
      return [`end: ${errorInWords(action.error)}`];
    case 'save-last':
      return ['save the last checkpoint when everything has ended'];
  }
}

function graceInWords(graceMs: number): string {
  return graceMs === 0 ? '' : `; it may be back within ${formatDuration(graceMs)}`;
}

function limitInWords(inMs: number, limitMs: number | null): string {
  const later = inMs === 0 ? '' : ` again, ${formatDuration(inMs)} later`;
  return `${later}${limitMs === null ? '' : ` alone, for ${formatDuration(limitMs)}`}`;
}

function logInWords({ level, fields, message }: LogAction): string[] {
  const lines = [fields['reasons'], fields['rejections']].flatMap((one): readonly unknown[] =>
    Array.isArray(one) ? one : [],
  );
  const details = lines
    .map(reasonInWords)
    .filter((reason) => !message.includes(reason))
    .map((reason) => `  - ${reason}`);
  return [`log ${level} ${fields.event}: ${message}`, ...details];
}

function reasonInWords(one: unknown): string {
  if (typeof one === 'string') return one;
  const { server, reason } = one as { server: string; reason: string };
  return `not ${server}: ${reason}`;
}

/** An error, with its code. */
function errorInWords(error: unknown): string {
  const code = error instanceof WaymarkError ? `${error.code}: ` : '';
  return code + messageOf(error).replaceAll('\n', '\n  ');
}

function firstLine(text: string): string {
  return text.split('\n')[0] ?? '';
}
