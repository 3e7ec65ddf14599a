import type { Logger } from 'pino';
import type { Config } from '../config/schema.js';
import { type Address, formatAddress } from '../config/address.js';
import type { Account } from '../mysql/instance.js';
import type { Progress } from '../tail/progress.js';
import { sleep } from '../util/async.js';
import { hasCode, messageOf } from '../util/errors.js';
import { choose } from './choice.js';
import type { Finding } from './finding.js';
import type { MemberView } from './members.js';
import { Move } from './move.js';
import { type Found, findingsOf, Memory, type Obstacles, type OutlookInput, viewsOf } from './outlook.js';
import { configuredSource, memberAt, type Member, poolOf } from './pool.js';
import type { PoolWatch } from './pool-watch.js';
import { reloadReport } from './reload.js';
import type { Contender } from './search.js';
import type { Source } from './source.js';
import type { SwitchCause } from './state.js';
import { refused, type ReloadReport, type SwitchReport } from './switching.js';

export type SupervisorOptions = {
  readonly config: Config;
  readonly account: Account;
  readonly watch: PoolWatch;
  readonly progress: Progress;
  readonly logger: Logger;
};

/** A stream that can be moved while it runs. */
export type Movable = {
  /** Where it is read from; null while that is being looked for. */
  readonly reading: Source | null;
  /**
   * Moves it.
   * @throws WaymarkError `switch-refused` when it stays.
   */
  move(move: Move, signal: AbortSignal): Promise<SwitchReport>;
};

/** From one judgement to the next. */
const intervalMs = 250;

/** A stream that is silent for so long is looked at before it counts as broken, so that the evidence is there then. */
const uneasyAfterMs = 1200;

/** A member that couldn't go on when a move was called for is asked again after this. */
const moveRetryMs = 10_000;

/** Judges the pool again and again while a stream runs, and moves it where that is called for. */
export class Supervisor {
  readonly memory = new Memory();
  readonly watch: PoolWatch;
  readonly #options: SupervisorOptions;
  #config: Config;
  #pool: readonly Member[];
  #said = '';
  /** Targets of moves that were refused: when, and why. */
  readonly #refused = new Map<string, { readonly atMs: number; readonly reason: string }>();
  #reading: Source | null = null;
  #untilReload = new AbortController();
  #obstacles: Obstacles = new Map();

  constructor(options: SupervisorOptions) {
    this.#options = options;
    this.watch = options.watch;
    this.#config = options.config;
    this.#pool = poolOf(options.config, options.account);
    this.watch.setPool(this.#pool, configuredSource(options.config, options.account));
  }

  get pool(): readonly Member[] {
    return this.#pool;
  }

  /** Fires when the next configuration has been taken over. */
  get reloaded(): AbortSignal {
    return this.#untilReload.signal;
  }

  /** The settings that hold now. */
  get failover(): Config['failover'] {
    return this.#config.failover;
  }

  /** Reading begins on a server that has been proved. */
  placed(source: Source): void {
    const { member, inspection } = source;
    if (this.#reading && this.#reading.member.name !== member.name) {
      this.memory.switched();
      // What was said was said of another server.
      this.#said = '';
    }
    this.#reading = source;
    this.#obstacles = new Map();
    this.watch.proved(member.name, inspection);
  }

  /** Nothing is read, nor looked for, any more. */
  rests(): void {
    this.#reading = null;
    this.#said = '';
    this.#obstacles = new Map();
  }

  /** A member has been tried, and can't go on with the stream (yet). */
  cantGoOn({ name }: Member, reason: string): void {
    this.#obstacles = new Map([...this.#obstacles, [name, reason]]);
  }

  /** Whom to try when a server is lost, best first. */
  contenders(cause: SwitchCause, lost: string | null): Contender[] {
    const { candidates } = this.#choose(cause, lost ?? '', this.#found(null));
    return candidates.flatMap(({ server, rank, reserve }) => {
      const member = this.#pool.find(({ name }) => name === server);
      return member ? [{ member, rank, reserve }] : [];
    });
  }

  /** Judges until the signal fires. Rejects with its reason. */
  async run(stream: Movable, signal: AbortSignal): Promise<never> {
    for (;;) {
      await sleep(intervalMs, signal);
      const source = stream.reading;
      const found = this.#found(source);
      this.memory.note(found);
      if (source === null) continue;
      this.#lookWhenUneasy(signal);
      const move = this.#say(source, found);
      if (move) await this.#carryOut(move, stream, signal);
    }
  }

  /** The pool as it is seen, beside the server that is read, if one is. */
  members(reading: Source | null): readonly MemberView[] {
    return viewsOf(this.#outlook(reading), this.#obstacles);
  }

  async switchTo(address: Address, stream: Movable, signal: AbortSignal): Promise<SwitchReport> {
    const name = formatAddress(address);
    const target = memberAt(this.#pool, address);
    const known = this.#pool.map((member) => member.name).join(', ');
    if (target === null) throw refused(name, [`it is no member of the pool (${known})`]);
    if (stream.reading?.member.name === name) throw refused(name, ['the stream is read from it already']);
    return stream.move(new Move('planned', ['asked for'], target), signal);
  }

  /** Takes over a new configuration, as far as a running agent can. */
  reload(config: Config): ReloadReport {
    const { account } = this.#options;
    const report = reloadReport(this.#config, config);
    const { servers, source, failover } = config;
    this.#config = { ...this.#config, servers, source, failover };
    this.#pool = poolOf(config, account);
    this.watch.setPool(this.#pool, configuredSource(config, account));
    this.#untilReload.abort(new Error('The configuration was read again'));
    this.#untilReload = new AbortController();
    return report;
  }

  #outlook(source: Source | null): OutlookInput {
    const { progress } = this.#options;
    const silentMs = performance.now() - (progress.lastHeardAtMs ?? performance.now());
    return {
      members: this.#pool,
      sights: this.watch.sights(),
      reading: source && { server: source.member.name, stream: { error: null, silentMs } },
      stalledAfterMs: this.failover.stalledAfterMs,
    };
  }

  #found(source: Source | null): Found[] {
    return findingsOf(this.#outlook(source));
  }

  #choose(cause: SwitchCause, from: string, found: readonly Found[]) {
    return choose(cause, from, this.memory.options(this.#pool, found), this.memory.settings(this.failover));
  }

  #lookWhenUneasy(signal: AbortSignal): void {
    const { lastHeardAtMs } = this.#options.progress;
    if (lastHeardAtMs === null) return;
    const sinceMs = lastHeardAtMs + uneasyAfterMs;
    if (performance.now() < sinceMs) return;
    this.watch.beginLooks(sinceMs, signal);
  }

  /** Says what is found of the server that is read when it has changed, and gives the move that it calls for. */
  #say(source: Source, found: readonly Found[]): Move | null {
    const { name } = source.member;
    const own = found.find(({ sight }) => sight.server === name);
    const finding = own?.finding ?? 'healthy';
    const reasons = own?.reasons ?? [];
    const { move, rejections } = this.#moveFor(source, finding, reasons, found);
    const stays = finding !== 'healthy' && move === null;
    const elsewhere = stays ? rejections.filter(({ server }) => server !== name) : [];
    this.#obstacles = new Map(elsewhere.map(({ server, reason }) => [server, reason]));
    // A move that is tried again is no news; what comes of it is.
    const again = move !== null && this.#said.startsWith(`${finding} `);
    const said = again ? this.#said : `${finding} ${elsewhere.map(({ server }) => server).join()}`;
    if (said !== this.#said && (finding !== 'healthy' || this.#said !== '')) {
      const fields = {
        event: 'server.diagnosed',
        server: name,
        finding,
        reasons,
        stays,
        rejections: elsewhere,
      };
      const message = `${name} is ${finding}${reasons.length > 0 ? `: ${reasons.join('; ')}` : ''}`;
      if (finding === 'healthy') this.#options.logger.info(fields, message);
      else this.#options.logger.warn(fields, stays ? `${message}. The stream stays there` : message);
    }
    this.#said = finding === 'healthy' ? '' : said;
    return move;
  }

  #moveFor(source: Source, finding: Finding, reasons: readonly string[], found: readonly Found[]) {
    const { name } = source.member;
    if (finding === 'rebuilt' && this.#justRefused('') === null)
      return { move: new Move('rebuilt', reasons, null), rejections: [] };
    const removed = !this.#pool.some((member) => member.name === name);
    const cause = removed ? 'planned' : finding === 'healthy' ? 'failback' : finding;
    // A server that can't be reached is left when the stream from it ends, and no sooner.
    const acts =
      cause === 'planned' || cause === 'failback' || cause === 'stalled' || cause === 'source-down';
    if (!acts) return { move: null, rejections: [] };
    const { candidates, rejections } = this.#choose(cause, name, found);
    const refused = candidates.flatMap(({ server }) => {
      const reason = this.#justRefused(server);
      return reason === null ? [] : [{ server, reason }];
    });
    const best = candidates.find(({ server }) => refused.every((other) => other.server !== server));
    const target = this.#pool.find((member) => member.name === best?.server);
    if (!target) return { move: null, rejections: [...rejections, ...refused] };
    const why = removed ? ['it is no member of the pool any more'] : reasons;
    return { move: new Move(cause, why, target), rejections };
  }

  /** Why a move there was refused a moment ago; null when none was. */
  #justRefused(server: string): string | null {
    const last = this.#refused.get(server);
    return last && performance.now() - last.atMs < moveRetryMs ? last.reason : null;
  }

  async #carryOut(move: Move, stream: Movable, signal: AbortSignal): Promise<void> {
    try {
      await stream.move(move, signal);
    } catch (error) {
      signal.throwIfAborted();
      if (!hasCode(error, 'switch-refused')) throw error;
      const refusal = { atMs: performance.now(), reason: messageOf(error) };
      this.#refused.set(move.target?.name ?? '', refusal);
      this.#options.logger.warn(
        { event: 'switch.refused', to: move.target?.name ?? null, finding: move.cause, ...error.details },
        messageOf(error),
      );
    }
  }
}
