import {
  anybody,
  attempt,
  expiredSign,
  type LeaseRow,
  type Sign,
  standing,
  watch,
  type Watched,
  withdraw,
} from '../../../src/election/lease-row.js';
import { type LeaseState, nextLeaseState, type Standing } from '../../../src/election/lease-state.js';
import { callTimeouts } from '../../../src/election/succession.js';
import type { Model, Step } from '../../support/state-space.js';

/** How large the model is; times are ticks. */
export type RowModelOptions = {
  readonly agents: number;
  readonly timeout: number;
  readonly margin: number;
  /** How often a message is lost or comes after all, an agent dies or gives up, or an operator calls another one. */
  readonly faults: number;
};

/** What an agent asks, and how far it has come. */
type Question = {
  readonly at: 'on its way' | 'done' | 'answered';
  readonly sentAt: number;
  readonly held: number;
  readonly expired: Sign | null;
  /** In the answer. */
  readonly standing: Standing;
  readonly row: LeaseRow | null;
};

/** What an agent has asked and doesn't wait for any more, but may be done yet. */
type Late = { readonly id: string; readonly held: number; readonly expired: Sign | null };

type Agent = {
  readonly campaign: number;
  readonly hold: LeaseState;
  readonly watched: Watched | null;
  readonly question: Question | null;
  readonly late: Late | null;
  /** When the server gave its campaign the lease, or renewed it, whether it knows of that or not; null: never. */
  readonly granted: number | null;
};

export type RowState = {
  /** By the clocks of all agents. */
  readonly now: number;
  readonly row: LeaseRow | null;
  readonly signs: number;
  /** Whether the server's wall clock says that the call is young. */
  readonly isCallYoung: boolean;
  readonly agents: readonly Agent[];
  /** The highest token that anybody has begun to lead with. */
  readonly begun: number;
  readonly faults: number;
};

const waiting: LeaseState = { phase: 'waiting' };
const notMine: Standing = { mine: false };

function hostOf(index: number): string {
  return `host${index}`;
}

function idOf(index: number, { campaign }: Agent): string {
  return `${hostOf(index)}-${campaign}`;
}

/**
 * Agents that elect a leader by a row: what stands between the pure functions of src/election, with every message and
 * every pause at its worst. Time passes whenever it likes, so that each agent may stand still at each step for any time.
 */
export class RowModel implements Model<RowState> {
  readonly first: RowState;
  readonly #options: RowModelOptions;

  constructor(options: RowModelOptions) {
    this.#options = options;
    const agent: Agent = {
      campaign: 1,
      hold: waiting,
      ...{ watched: null, question: null, late: null, granted: null },
    };
    this.first = {
      now: 0,
      row: null,
      signs: 0,
      isCallYoung: false,
      agents: Array.from({ length: options.agents }, () => agent),
      begun: 0,
      faults: options.faults,
    };
  }

  *steps(state: RowState): Iterable<Step<RowState>> {
    for (const step of this.#allSteps(state)) {
      yield { ...step, broken: step.broken ?? this.#brokenIn(step.state) };
    }
  }

  *#allSteps(state: RowState): Iterable<Step<RowState>> {
    yield this.#tick(state);
    for (const index of state.agents.keys()) yield* this.#stepsOf(state, index);
    const { row } = state;
    if (row === null || row.called === '') return;
    // The server's wall clock goes on, or is set.
    const isCallYoung = !state.isCallYoung;
    yield { what: `the call is ${isCallYoung ? 'young' : 'old'}`, state: { ...state, isCallYoung } };
  }

  calmStep(state: RowState): Step<RowState> | null {
    const { row, agents } = state;
    if (agents.filter(({ hold }) => this.#holds(hold, state.now)).length === 1) return null;
    if (row !== null && row.called !== '' && state.isCallYoung) {
      return { what: 'the call is old', state: { ...state, isCallYoung: false } };
    }
    for (const [index, agent] of agents.entries()) {
      const step = this.#calmStepOf(state, index, agent);
      if (step !== null) return step;
    }
    return this.#tick(state);
  }

  /**
   * What of a state bears on what can come of it: times by how long ago they were, as far as anybody asks for that,
   * signs by whether they are the row's, tokens by their order, and agents whatever their names are.
   */
  key(state: RowState): string {
    const tokens = [...new Set(this.#tokensOf(state))].sort((one, other) => one - other);
    const agents = state.agents.map((_, index) => this.#agentKey(state, index, tokens)).sort();
    const { row, isCallYoung, begun, faults } = state;
    const head =
      row === null
        ? ''
        : `${tokens.indexOf(row.token)}${row.holder === '' ? 'free' : ''}${row.called === anybody ? '*' : ''}`;
    return `${head},${isCallYoung ? 'young' : ''},${tokens.indexOf(begun)},${faults}|${agents.join('|')}`;
  }

  #tokensOf({ row, begun, agents }: RowState): number[] {
    return [
      ...[0, row?.token ?? 0, begun],
      ...agents.flatMap(({ hold, question }) => [
        hold.phase === 'leading' ? hold.token : 0,
        question?.at === 'answered' ? tokenOf(question.standing) : 0,
      ]),
    ];
  }

  #agentKey(state: RowState, index: number, tokens: readonly number[]): string {
    const { row, now } = state;
    const { timeout, margin } = this.#options;
    const agent = this.#agent(state, index);
    const { hold, watched, question, late, granted } = agent;
    const ago = (at: number, most: number): number => Math.min(now - at, most);
    const isRows = (sign: Sign | null): boolean => sign !== null && sign === row?.sign;
    const isTold = watched !== null && question?.at === 'answered' && question.row?.sign === watched.sign;
    const holds = this.#holds(hold, now);
    const isHolder = row !== null && row.holder === idOf(index, agent);
    const parts: (string | number | boolean)[] = [
      isHolder,
      row !== null && row.called === hostOf(index),
      hold.phase === 'leading' ? `${tokens.indexOf(hold.token)}+${hold.until - now}` : hold.phase,
    ];
    if (watched !== null && (isRows(watched.sign) || isTold)) {
      parts.push(`watches ${ago(watched.sinceMs, timeout)} ${isRows(watched.sign)} ${isTold}`);
    }
    if (granted !== null && (isHolder || holds)) parts.push(`granted ${ago(granted, timeout)}`);
    const asks = ({ held, expired }: Pick<Late, 'held' | 'expired'>): string =>
      `${held === 0 ? 0 : held === row?.token} ${isRows(expired)}`;
    if (question !== null) {
      const { at, sentAt, standing: stands } = question;
      const isRefused = at === 'answered' && !stands.mine;
      parts.push(`${at} ${isRefused ? '' : ago(sentAt, timeout - margin)}`);
      if (at === 'on its way') parts.push(asks(question));
      if (at === 'answered') {
        parts.push(
          isRows(question.row?.sign ?? null),
          tokens.indexOf(tokenOf(stands)),
          stands.mine && stands.asked,
        );
      }
    }
    // One of an earlier campaign may still be done; which it was doesn't matter.
    if (late !== null) {
      const isOfNow = late.id === idOf(index, agent);
      parts.push(`late ${isOfNow} ${!isOfNow && late.id === row?.holder} ${asks(late)}`);
    } else if (!isHolder && row?.holder.startsWith(`${hostOf(index)}-`)) parts.push('before');
    return parts.join(' ');
  }

  #brokenIn({ now, agents }: RowState): string | undefined {
    const { timeout, margin } = this.#options;
    const leading = agents.filter(({ hold }) => this.#holds(hold, now));
    if (leading.length > 1) return 'one leads at a time';
    const late = leading.some(({ granted }) => granted === null || now >= granted + timeout - margin);
    return late ? 'a leader stops before its lease ends, by its own clock' : undefined;
  }

  #calmStepOf(state: RowState, index: number, agent: Agent): Step<RowState> | null {
    if (agent.late !== null) return this.#lateCame(state, index, agent.late);
    if (agent.hold.phase === 'over') return this.#standAnew(state, index, true);
    if (agent.question !== null) return this.#goOn(state, index, agent.question);
    // An answer that tells it nothing changes nothing: such questions are left out.
    const { watched } = agent;
    const isNews =
      watched === null ||
      watched.sign !== state.row?.sign ||
      expiredSign(watched, state.now, this.#options.timeout) !== null ||
      ['', idOf(index, agent)].includes(state.row.holder);
    return isNews ? this.#ask(state, index) : null;
  }

  *#stepsOf(state: RowState, index: number): Iterable<Step<RowState>> {
    const agent = this.#agent(state, index);
    const { hold, question, late } = agent;
    if (question !== null) yield this.#goOn(state, index, question);
    if (question === null && hold.phase !== 'over') yield this.#ask(state, index);
    if (hold.phase === 'over') yield this.#standAnew(state, index, true);
    if (late !== null) yield this.#lateCame(state, index, late);
    if (state.faults > 0) yield* this.#faultsOf({ ...state, faults: state.faults - 1 }, index);
  }

  *#faultsOf(state: RowState, index: number): Iterable<Step<RowState>> {
    const agent = this.#agent(state, index);
    const { hold, question, late } = agent;
    const host = hostOf(index);
    if (question !== null) {
      const lost = { ...agent, question: null };
      yield { what: `${host}: gives up, all is lost`, state: this.#with(state, index, lost) };
      if (question.at === 'on its way' && late === null) {
        const { held, expired } = question;
        const coming = { ...lost, late: { id: idOf(index, agent), held, expired } };
        yield { what: `${host}: gives up, and it may be done yet`, state: this.#with(state, index, coming) };
      }
    }
    if (late !== null) {
      yield {
        what: `${host}: what is late is lost`,
        state: this.#with(state, index, { ...agent, late: null }),
      };
    }
    if (hold.phase === 'over') yield this.#standAnew(state, index, false);
    if (hold.phase === 'leading') {
      const over = nextLeaseState(hold, { type: 'resign' }, state.now, this.#options.margin);
      yield { what: `${host}: resigns`, state: this.#with(state, index, { ...agent, hold: over }) };
    }
    const died = {
      ...{ campaign: agent.campaign + 1, hold: waiting, watched: null, question: null },
      ...{ late: agent.late, granted: null },
    };
    yield { what: `${host}: dies, and is started again`, state: this.#with(state, index, died) };
    const { row } = state;
    if (row === null) return;
    for (const called of index === 0 ? [host, anybody] : [host]) {
      const asked = { ...row, called, calledAt: 0 };
      yield { what: `somebody calls ${called}`, state: { ...state, row: asked, isCallYoung: true } };
    }
  }

  #tick(state: RowState): Step<RowState> {
    const now = state.now + 1;
    const { margin } = this.#options;
    const later = { ...state, now };
    const ended = (agent: Agent): Agent => ({
      ...agent,
      hold: nextLeaseState(agent.hold, { type: 'clock' }, now, margin),
    });
    return {
      what: 'a tick',
      state: state.agents.reduce((all, agent, index) => this.#with(all, index, ended(agent)), later),
    };
  }

  #ask(state: RowState, index: number): Step<RowState> {
    const agent = this.#agent(state, index);
    const { now } = state;
    const question: Question = {
      ...{ at: 'on its way', sentAt: now, standing: notMine, row: null },
      held: agent.hold.phase === 'leading' ? agent.hold.token : 0,
      expired: expiredSign(agent.watched, now, this.#options.timeout),
    };
    const asks = { ...agent, question };
    return { what: `${hostOf(index)}: asks`, state: this.#with(state, index, asks) };
  }

  #goOn(state: RowState, index: number, question: Question): Step<RowState> {
    switch (question.at) {
      case 'on its way': {
        const { held, expired } = question;
        const id = idOf(index, this.#agent(state, index));
        const { after, broken } = this.#attempt(state, { id, held, expired });
        const done = { ...this.#agent(after, index), question: { ...question, at: 'done' } } as const;
        return {
          what: `${hostOf(index)}: the server does it`,
          state: this.#with(after, index, done),
          broken,
        };
      }
      case 'done': {
        const { row } = state;
        const agent = this.#agent(state, index);
        const own = { id: idOf(index, agent), host: hostOf(index), held: question.held };
        const stands =
          row === null ? notMine : standing(row, own, this.#serverNow(state), this.#options.timeout);
        const answered = { ...question, at: 'answered', standing: stands, row } as const;
        return {
          what: `${hostOf(index)}: the server reads the row`,
          state: this.#with(state, index, { ...agent, question: answered }),
        };
      }
      case 'answered':
        return this.#answered(state, index, question);
    }
  }

  #answered(state: RowState, index: number, { row, sentAt, standing: stands }: Question): Step<RowState> {
    const { timeout, margin } = this.#options;
    const agent = this.#agent(state, index);
    const watched = row && watch(agent.watched, row, state.now);
    const answer = { sentAt, timeoutMs: timeout, standing: stands };
    const hold = nextLeaseState(agent.hold, { type: 'answer', answer }, state.now, margin);
    const after = this.#with(state, index, { ...agent, watched, hold, question: null });
    const what = `${hostOf(index)}: has the answer`;
    if (agent.hold.phase === 'leading' || hold.phase !== 'leading') return { what, state: after };
    const broken = hold.token > state.begun ? undefined : 'each leader has a higher token than all before';
    return { what: `${what}, and leads`, state: { ...after, begun: hold.token }, broken };
  }

  /** The server handles an attempt, whether anybody still waits for its answer or not. */
  #attempt(
    state: RowState,
    { id, held, expired }: Late,
  ): { readonly after: RowState; readonly broken?: string } {
    const { row: before, now } = state;
    const sign = `s${state.signs + 1}`;
    const host = id.slice(0, id.indexOf('-'));
    const row = attempt(
      before,
      { id, host, held, expired },
      sign,
      this.#serverNow(state),
      this.#options.timeout,
    );
    if (row.sign !== sign) return { after: { ...state, row } };
    const isEarly =
      row.holder !== before?.holder &&
      state.agents.some((agent, index) => this.#isGranted(state, agent, index, id));
    const agents = state.agents.map((agent, index) =>
      idOf(index, agent) === id ? { ...agent, granted: now } : agent,
    );
    const after = { ...state, row, signs: state.signs + 1, agents };
    return isEarly ? { after, broken: 'nobody gets a lease before the end of another' } : { after };
  }

  /** Whether an agent that isn't `id` has a lease yet, by the server's answers so far. */
  #isGranted({ now }: RowState, agent: Agent, index: number, id: string): boolean {
    const { granted } = agent;
    return granted !== null && idOf(index, agent) !== id && now < granted + this.#options.timeout;
  }

  #lateCame(state: RowState, index: number, late: Late): Step<RowState> {
    const { after, broken } = this.#attempt(state, late);
    const agent = this.#agent(after, index);
    return {
      what: `${hostOf(index)}: the server does what was late`,
      state: this.#with(after, index, { ...agent, late: null }),
      broken,
    };
  }

  /** A leadership that is over is given back, if the server hears of it, and the next campaign begins. */
  #standAnew(state: RowState, index: number, isHeard: boolean): Step<RowState> {
    const agent = this.#agent(state, index);
    const row = isHeard && state.row !== null ? withdraw(state.row, idOf(index, agent)) : state.row;
    const next: Agent = {
      ...agent,
      ...{ campaign: agent.campaign + 1, hold: waiting, question: null, granted: null },
    };
    return {
      what: `${hostOf(index)}: stands anew, ${isHeard ? 'and has said so' : 'and nobody heard of it'}`,
      state: this.#with({ ...state, row }, index, next),
    };
  }

  /** What `assertHeld` would say. */
  #holds(hold: LeaseState, now: number): boolean {
    return nextLeaseState(hold, { type: 'clock' }, now, this.#options.margin).phase === 'leading';
  }

  #agent({ agents }: RowState, index: number): Agent {
    const agent = agents[index];
    if (agent === undefined) throw new RangeError(`there is no agent ${index}`);
    return agent;
  }

  /** Whose leadership is over waits for no answer any more, and what it has asked may be done yet. */
  #with(state: RowState, index: number, agent: Agent): RowState {
    const { hold, question } = agent;
    if (hold.phase !== 'over' || question === null)
      return { ...state, agents: state.agents.with(index, agent) };
    const { at, held, expired } = question;
    const coming = at === 'on its way' ? { id: idOf(index, agent), held, expired } : null;
    const alone = { ...agent, question: null, late: coming ?? agent.late };
    return { ...state, agents: state.agents.with(index, alone) };
  }

  #serverNow({ isCallYoung }: RowState): number {
    return isCallYoung ? 0 : callTimeouts * this.#options.timeout + 1;
  }
}

function tokenOf(standing: Standing): number {
  return standing.mine ? standing.token : 0;
}
