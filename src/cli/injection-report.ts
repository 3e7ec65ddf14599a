import type { InjectorNotice } from '../hints/injector.js';
import type { Hint } from '../hints/hint.js';
import type { PoolInjectorNotice } from '../injection/pool-injector.js';
import { countOf, formatDuration } from '../util/quantities.js';

/** A line for the operator's log. */
export type ReportLine = {
  readonly level: 'info' | 'debug' | 'warn';
  readonly event: string;
  readonly fields: Readonly<Record<string, unknown>>;
  readonly message: string;
};

/** So often an injector says that it is at work. */
const reportMs = 60_000;

/**
 * What an injector tells its operator: when it begins, every minute how much it has injected, and whenever something
 * changes. Times are those of the monotonic clock.
 */
export class InjectionReport {
  /** Hints that were injected. */
  injected = 0;
  last: Hint | null = null;
  /** Where hints are injected. '' if that isn't known yet. */
  server: string;
  readonly #everyMs: number;
  #state: 'new' | 'working' | 'failing' | 'standby' = 'new';
  #saidAtMs = 0;
  #injectedWhenSaid = 0;
  /** When the last hint was injected, or the first failure came. */
  #quietSinceMs = 0;

  constructor(server: string, everyMs: number) {
    this.server = server;
    this.#everyMs = everyMs;
  }

  /** What there is to say of a hint that was injected. */
  hint(hint: Hint, nowMs: number): ReportLine {
    const before = this.#state;
    const quiet = formatDuration(nowMs - this.#quietSinceMs);
    this.injected += 1;
    this.last = hint;
    this.#state = 'working';
    this.#quietSinceMs = nowMs;
    switch (before) {
      case 'new':
        return this.#say(hint, `injects a hint every ${formatDuration(this.#everyMs)}`, nowMs);
      case 'standby':
        return this.#say(
          hint,
          `injects a hint every ${formatDuration(this.#everyMs)} now, having stood by`,
          nowMs,
        );
      case 'failing':
        return this.#say(hint, `injects hints again, after ${quiet} without one`, nowMs);
      case 'working': {
        const sinceMs = nowMs - this.#saidAtMs;
        if (sinceMs < reportMs) return { ...this.#line(hint, 'hint injected'), level: 'debug' };
        const count = countOf(this.injected - this.#injectedWhenSaid, 'hint');
        return this.#say(hint, `${count} injected in the last ${formatDuration(sinceMs)}`, nowMs);
      }
    }
  }

  /** The same of something that the operator may want to know. */
  notice({ kind, message, ...details }: InjectorNotice, nowMs: number): ReportLine {
    if (kind === 'failed' && this.#state !== 'failing') {
      if (this.#state !== 'working') this.#quietSinceMs = nowMs;
      this.#state = 'failing';
    }
    if (kind === 'standby') this.#state = 'standby';
    const again = 'retryInMs' in details ? `; tried again in ${formatDuration(details.retryInMs)}` : '';
    const fields = { server: this.server, ...details };
    return { level: 'warn', event: `injector.${kind}`, fields, message: message + again };
  }

  /** The same of an injector for a pool. */
  poolNotice(notice: PoolInjectorNotice, nowMs: number): ReportLine {
    switch (notice.kind) {
      case 'source':
        return this.#moved(notice.server, notice.from);
      case 'waiting':
        return waitingLine(notice.choice);
      case 'failed':
      case 'standby':
      case 'unlocked':
      case 'replication-unseen':
        return this.notice(notice, nowMs);
    }
  }

  #moved(server: string, from: string | null): ReportLine {
    this.server = server;
    if (from === null) {
      const message = `${server} is the source of the pool: hints are injected there`;
      return { level: 'info', event: 'injector.started', fields: { server }, message };
    }
    const message = `${server} is the source of the pool now: hints are injected there, and no longer on ${from}`;
    return { level: 'warn', event: 'injector.moved', fields: { server, from }, message };
  }

  #say(hint: Hint, what: string, nowMs: number): ReportLine {
    this.#saidAtMs = nowMs;
    this.#injectedWhenSaid = this.injected;
    return this.#line(hint, `${this.server}: ${what}; the newest is ${hint.token}`);
  }

  #line(hint: Hint, message: string): ReportLine {
    const fields = {
      server: this.server,
      hint: hint.token,
      injected: this.injected,
      everyMs: this.#everyMs,
    };
    return { level: 'info', event: 'hint.injected', fields, message };
  }
}

function waitingLine(choice: Extract<PoolInjectorNotice, { kind: 'waiting' }>['choice']): ReportLine {
  const line = (fields: ReportLine['fields'], message: string): ReportLine => ({
    level: 'warn',
    event: 'injector.waiting',
    fields,
    message: `${message}. No hints are injected meanwhile`,
  });
  switch (choice.kind) {
    case 'none': {
      const why = choice.others.map((other) => `${other.server}: ${other.why}`).join('; ');
      return line({ servers: choice.others }, `No server of the pool is its source (${why})`);
    }
    case 'several': {
      const names = choice.servers.join(' and ');
      return line(
        { sources: choice.servers },
        `${names} look like sources of the pool: writable, and replicas of no other. Make all but one of them read-only, or replicas`,
      );
    }
  }
}
