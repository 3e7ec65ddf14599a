import { type Choice, choose } from '../../../../src/failover/choice.js';
import { diagnose } from '../../../../src/failover/diagnosis.js';
import type { Sight } from '../../../../src/pool/evidence.js';
import type { EndOf, Happening, Placed } from '../../../../src/failover/machine/event.js';
import { choiceSettingsOf, optionsOf } from '../../../../src/failover/machine/memory.js';
import { initialState, type StreamState } from '../../../../src/failover/machine/state.js';
import { provedShadow } from '../../../../src/failover/machine/shadow.js';
import { transition } from '../../../../src/failover/machine/transition.js';
import type { MemberEvidence } from '../../../../src/pool/evidence.js';
import { findingsOf } from '../../../../src/failover/findings.js';
import type { SwitchCause } from '../../../../src/failover/switch.js';
import { UnreadableError } from '../../../../src/tail/unreadable-error.js';
import { type ErrorCode, WaymarkError } from '../../../../src/util/errors.js';
import { member, node } from '../../mysql/cluster-samples.js';
import { answers, mute, sight } from '../../pool/sights.js';
import { actionInWords, phaseInWords } from './narrator.js';
import { durationOf, type Shown } from './story.js';
import { settings } from './settings.js';

const sourceLog = 'mysql-bin.000002';
const logFile = 'mysql-bin.000001';

const stand = {
  coordinates: { file: logFile, position: 500 },
  hint: { token: 'H9', display: 'H9' },
  sequence: 4,
  partialChanges: 0,
};

/** A sentence of a story: what it looks like, and what it does. Gives what was decided. */
type Sentence = readonly [RegExp, (stage: Stage, ...parts: string[]) => string[]];

/** One stream whose story is told: what can be seen of the servers, and what the machine makes of it. */
export class Stage {
  readonly #shown: Shown;
  #state: StreamState = initialState(settings);
  #nowMs = 1_000_000;
  #lastHeardAtMs: number | null = null;
  #waitMs = 0;
  #orders = 0;
  readonly #sights = new Map<string, Sight>();
  #end: EndOf = { leaseLost: false, token: 0, storeIsRemote: false };

  constructor(shown: Shown) {
    this.#shown = shown;
  }

  /** Plays one sentence; gives what was decided, a line each. */
  play(sentence: string): string[] {
    for (const [form, act] of sentences) {
      const match = form.exec(sentence);
      if (match) return act(this, ...match.slice(1));
    }
    throw new Error(`No sentence of stories looks like "${sentence}"`);
  }

  see(server: string, evidence: MemberEvidence | null, change: Partial<Sight> = {}): void {
    this.#sights.set(server, sight(server, evidence, change));
  }

  changeSight(server: string, change: Partial<Sight>): void {
    const known = this.#sights.get(server);
    if (known === undefined) throw new Error(`nothing was seen of ${server} yet`);
    this.#sights.set(server, { ...known, ...change });
  }

  configure(change: Partial<typeof settings> | null, pool = this.#state.memory.pool): string[] {
    const now = { ...this.#state.memory.settings, ...change };
    return this.#tell({ type: 'configured', pool, settings: now });
  }

  election(end: Partial<EndOf>): void {
    this.#end = { ...this.#end, ...end };
  }

  pass(ms: number): void {
    this.#nowMs += ms;
  }

  /** The time that was to be waited is over. */
  wake(): string[] {
    this.#nowMs += this.#waitMs;
    return this.#tell({ type: 'woken' });
  }

  heard(): void {
    this.#lastHeardAtMs = this.#nowMs;
  }

  tick(): string[] {
    const { phase } = this.#state;
    const server = phase.kind === 'reading' ? phase.server : null;
    const stream = { error: null, silentMs: this.#nowMs - (this.#lastHeardAtMs ?? this.#nowMs) };
    const finds = server === null ? [] : [this.#find(server, stream, this.#seen())];
    const tick: Happening = {
      ...{ type: 'tick', sights: this.#seen(), lastHeardAtMs: this.#lastHeardAtMs },
      equal: this.#equal(),
    };
    return [...finds, ...this.#tell(tick)];
  }

  looked(): string[] {
    const { phase } = this.#state;
    if (phase.kind !== 'suspecting') throw new Error('nobody is suspected');
    const { server, error, lastHeardAtMs } = phase.lost;
    const own = this.#sights.get(server) ?? sight(server, mute('no-answer'));
    const others = this.#seen().filter((one) => one.server !== server);
    const stream = { error: error.message, silentMs: this.#nowMs - lastHeardAtMs };
    const found = this.#find(server, stream, [own, ...others]);
    const probe = own.evidence?.outcome ?? 'no-answer';
    return [found, ...this.#tell({ type: 'looked', own, probe, others })];
  }

  /** What the shadow has shown, if there is one: all of it. */
  #equal() {
    const server = provedShadow(this.#state.memory);
    return server === null ? null : { server, since: 0, until: this.#nowMs, transactions: 1 };
  }

  lookedBeside(server: string, shadow: string): string[] {
    return this.#tell({ type: 'looked-beside', server, shadow, sights: this.#seen() });
  }

  #find(server: string, stream: { error: string | null; silentMs: number }, sights: Sight[]): string {
    const { stalledAfterMs } = this.#state.memory.settings;
    const { finding, reasons } = diagnose({ server, stream, sights, stalledAfterMs });
    this.#shown.findings.add(finding);
    return `found: ${server} is ${finding}${reasons.length > 0 ? `, because ${reasons.join('; ')}` : ''}`;
  }

  ended(code: string, message: string, details: Readonly<Record<string, unknown>> = {}): string[] {
    return this.#ended(new WaymarkError(code as ErrorCode, message, { details }));
  }

  unreadable(code: string, message: string): string[] {
    const cause = new WaymarkError(code as ErrorCode, message);
    const { hint, sequence, coordinates } = stand;
    const place = { hint: hint.display, sequence: sequence + 1, origin: '' };
    return this.#ended(new UnreadableError(cause, place, coordinates));
  }

  #ended(error: WaymarkError): string[] {
    return this.#tell({ type: 'stream-ended', error, lastHeardAtMs: this.#lastHeardAtMs, stand });
  }

  left(): string[] {
    return this.#tell({ type: 'stream-left', lastHeardAtMs: this.#lastHeardAtMs, stand });
  }

  /** All of the stream is to end. */
  end(error: Error): string[] {
    if (!(error instanceof WaymarkError)) this.#shown.ends.add('asked to');
    return this.#tell({ type: 'ended', error });
  }

  closed(code: string, message: string): string[] {
    const error = new WaymarkError(code as ErrorCode, message);
    this.#shown.ends.add(error.code);
    return this.#tell({ type: 'closed', error, end: this.#end });
  }

  halt(code: string, message: string, retryMs: number | null): string[] {
    this.#shown.ends.add(code as ErrorCode);
    const retry = retryMs === null ? null : { since: this.#nowMs, retryMs };
    return this.#tell({ type: 'halted', reason: message, retry });
  }

  order(target: string): string[] {
    this.#orders += 1;
    return this.#tell({ type: 'ordered', order: this.#orders, target });
  }

  tell(happening: Happening): string[] {
    return this.#tell(happening);
  }

  /** Whom the choice would come to; nothing is done. */
  choice(cause: string, from: string): string[] {
    const { memory, phase } = this.#state;
    const server = phase.kind === 'reading' ? phase.server : null;
    const found = findingsOf({
      sights: this.#seen(),
      reading: server === null ? null : { server, stream: { error: null, silentMs: 0 } },
      stalledAfterMs: memory.settings.stalledAfterMs,
    });
    const options = optionsOf(memory, found, this.#nowMs);
    const made = choose(cause as SwitchCause, from, options, choiceSettingsOf(memory, this.#nowMs));
    for (const { why } of made.rejections) this.#shown.whyNot.add(why);
    return choiceInWords(made);
  }

  #seen(): Sight[] {
    return [...this.#sights.values()];
  }

  #tell(happening: Happening): string[] {
    const before = phaseInWords(this.#state.phase);
    const { isAnybodyTried } = this;
    const now = { atMs: this.#nowMs, wallMs: this.#nowMs };
    const { state, actions } = transition(this.#state, { ...happening, ...now });
    this.#state = state;
    const phase = phaseInWords(state.phase);
    const lines = actions.flatMap((action) => {
      if (action.do === 'end' || action.do === 'give-up') this.#note(action.error);
      if (action.do === 'wait') this.#waitMs = action.ms;
      if (action.do === 'stop-trying' && !isAnybodyTried) return [];
      return actionInWords(action);
    });
    // What the driver answers at once: it has nobody to ask.
    const answered = actions.flatMap((action) => {
      if (action.do === 'survey') return this.#tell({ type: 'surveyed', sights: this.#seen() });
      if (action.do === 'take') return this.#tell({ type: 'placed', place: placeOn(action.server) });
      if (action.do === 'read') return this.#tell({ type: 'begun' });
      return [];
    });
    return [...(phase === before ? [] : [`=> ${phase}`]), ...lines, ...answered];
  }

  get isAnybodyTried(): boolean {
    const { phase, memory } = this.#state;
    const isSearching = phase.kind === 'proving' || (phase.kind === 'waiting' && phase.why === 'pool');
    return isSearching || memory.move?.stage === 'rehearsing';
  }

  #note(error: unknown): void {
    if (error instanceof WaymarkError) this.#shown.ends.add(error.code);
  }
}

/** A place that was proved by a hint, some records before the log's end. */
function placeOn(server: string): Placed {
  return {
    ...{ server, serverId: 1, version: '8.4.0', coordinates: { file: logFile, position: 700 } },
    ...{ hint: 'H9', gtid: null, confidence: 'exact', matched: 4, isAnchored: true },
    logEnd: { file: logFile, position: 900 },
    took: { locateMs: 20, verifyMs: 30 },
  };
}

function choiceInWords({ candidates, rejections }: Choice): string[] {
  const chosen = candidates.map(
    ({ server, rank, reserve }) => `try ${server}, rank ${rank}${reserve ? ', in reserve' : ''}`,
  );
  const not = rejections.map(({ server, reason }) => `not ${server}: ${reason}`);
  return [...chosen, ...not];
}

/** A member of a pool: `db1`, `db2 (priority 5)`, `db3 (avoided)`. */
function memberOf(text: string) {
  const [, name = '', avoided, priority] = /^(\w+)(?: \((?:(avoided)|priority (\d+))\))?$/.exec(text) ?? [];
  if (name === '') throw new Error(`"${text}" is no member of a pool`);
  return { name, priority: Number(priority ?? 0), avoided: avoided !== undefined };
}

/** What a replica says: where it has come to, and what is the matter with it. */
function replica(executed: string, matters: string): MemberEvidence {
  const lag = /lags (\d+) s/.exec(matters)?.[1];
  const delay = /is delayed by (\d+) s/.exec(matters)?.[1];
  const [, thread, error] = /its (applier|receiver) stands: ([^,]+)/.exec(matters) ?? [];
  return answers({
    source: 'db0',
    executed: `${sourceLog}:${executed}`,
    lagSeconds: Number(lag ?? 0),
    delaySeconds: Number(delay ?? 0),
    applierRunning: thread !== 'applier',
    receiverRunning: thread !== 'receiver',
    executedAll: !matters.includes('has received more'),
    lastError: error ?? '',
  });
}

const says = (error: string, evidence: MemberEvidence): MemberEvidence => ({ ...evidence, error });
const nothing = (act: () => void): string[] => {
  act();
  return [];
};

const seen: Sentence[] = [
  [
    /^db0 is the source, its log ends at (\d+)(?:, and it knows (.+))?$/,
    (stage, end = '', replicas = '') =>
      nothing(() => {
        const evidence = { ...answers(), serverId: 100, replication: null };
        const known = replicas === '' ? null : replicas.split(', ');
        stage.see('db0', { ...evidence, coordinates: `${sourceLog}:${end}`, replicas: known });
      }),
  ],
  [
    /^(\w+) answers, and has executed db0's log up to (\d+)(.*)$/,
    (stage, server = '', executed = '', matters = '') =>
      nothing(() => {
        stage.see(server, replica(executed, matters));
      }),
  ],
  [
    /^(\w+) answers, a Galera node: ([\w-]+), (.+)$/,
    (stage, server = '', component = '', state = '') =>
      nothing(() => {
        stage.see(server, { ...answers(), replication: null, cluster: { ...node, component, state } });
      }),
  ],
  [
    /^(\w+) answers, a group member: (\w+)(?:, and can't reach (\d) of (\d))?$/,
    (stage, server = '', state = '', unreachable = '0', members = '3') =>
      nothing(() => {
        const reached = { unreachable: Number(unreachable), members: Number(members) };
        stage.see(server, { ...answers(), replication: null, cluster: { ...member, state, ...reached } });
      }),
  ],
  [
    /^(\w+) has stood still for (.+)$/,
    (stage, server = '', duration = '') =>
      nothing(() => {
        stage.changeSight(server, { standsForMs: durationOf(duration) });
      }),
  ],
  [
    /^(\w+) is no longer the same server: (.+)$/,
    (stage, server = '', changed = '') =>
      nothing(() => {
        stage.changeSight(server, { changed });
      }),
  ],
  [
    /^(\w+) is the same server again$/,
    (stage, server = '') =>
      nothing(() => {
        stage.changeSight(server, { changed: null });
      }),
  ],
  [
    /^(\w+) (refuses connections|doesn't answer|turns us away): (.+)$/,
    (stage, server = '', how = '', error = '') =>
      nothing(() => {
        const outcome =
          how === 'refuses connections' ? 'refused' : how === "doesn't answer" ? 'no-answer' : 'turned-away';
        stage.see(server, says(error, mute(outcome)));
      }),
  ],
  [
    /^(\w+) has not been probed$/,
    (stage, server = '') =>
      nothing(() => {
        stage.see(server, null);
      }),
  ],
];

const given: Sentence[] = [
  [/^the pool is (.+)$/, (stage, pool = '') => stage.configure(null, pool.split(', ').map(memberOf))],
  [
    /^failover\.(stalledAfter|cooldown|restartGrace|failbackAfter) is (.+)$/,
    (stage, key = '', value = '') =>
      stage.configure({ [`${key}Ms`]: value === 'never' ? null : durationOf(value) }),
  ],
  [/^shadow is true$/, (stage) => stage.configure({ shadow: { rotateMs: null } })],
  [
    /^the shadow rotates every (.+)$/,
    (stage, every = '') => stage.configure({ shadow: { rotateMs: durationOf(every) } }),
  ],
  [
    /^there is an election$/,
    (stage) =>
      nothing(() => {
        stage.election({ token: 7 });
      }),
  ],
  [
    /^the checkpoint is in ZooKeeper$/,
    (stage) =>
      nothing(() => {
        stage.election({ storeIsRemote: true });
      }),
  ],
  [
    /^(\d+ \w+) pass$/,
    (stage, duration = '') =>
      nothing(() => {
        stage.pass(durationOf(duration));
      }),
  ],
];

const life: Sentence[] = [
  [
    /^(?:(\w+) leads|nobody is known to lead), and this agent stands by$/,
    (stage, leader = '') => stage.tell({ type: 'stood-by', since: 1, leader: leader === '' ? null : leader }),
  ],
  [/^this agent leads$/, (stage) => stage.tell({ type: 'led' })],
  [
    /^it begins on (\w+)$/,
    (stage, server = '') => {
      const place = { ...placeOn(server), hint: null, confidence: null, matched: 0, took: null };
      stage.heard();
      return stage.tell({ type: 'placed', place });
    },
  ],
  [/^the checkpoint was read from (\w+)$/, (stage, before = '') => stage.tell({ type: 'resumed', before })],
  [/^only the sink's records have the place$/, (stage) => stage.tell({ type: 'resumed', before: null })],
  [
    /^records arrive$/,
    (stage) => {
      stage.heard();
      return stage.tell({ ...batch, records: 3 });
    },
  ],
  [
    /^a heartbeat arrives$/,
    (stage) => {
      stage.heard();
      return stage.tell({ ...batch, records: 0 });
    },
  ],
  [
    /^(\w+) is read beside it, and its place is proved$/,
    (stage, server = '') => stage.tell({ type: 'shadow-began', server }),
  ],
  [
    /^(\w+) can't be read beside it any more: ([\w-]+), (.+)$/,
    (stage, server = '', code = '', why = '') =>
      stage.tell({ type: 'shadow-ended', server, error: new WaymarkError(code as ErrorCode, why) }),
  ],
  [
    /^(\w+) is found to differ from (\w+) in the amount of order (\d+)$/,
    (stage, server = '', other = '', id = '') => {
      const place = (position: number) => ({ file: 'mysql-bin.000001', position });
      const difference = { kind: 'content', hint: null, origin: 'g:0-1-7', errant: false } as const;
      const shown = {
        table: 'shop.orders',
        key: { id: Number(id) },
        columns: ['amount'],
        statement: null,
        row: 0,
      };
      return stage.tell({
        type: 'shadow-differs',
        report: {
          ...{ difference: { ...difference, delivered: place(800), beside: place(900) }, server, other },
          ...{ shown, unshownBecause: null, more: 0 },
        },
      });
    },
  ],
  [
    /^nothing comes from (\w+), while (\w+) is heard of$/,
    (stage, server = '', other = '') => {
      const reason = `nothing has come from it for 310 ms, while ${other} was heard of`;
      return stage.tell({ type: 'silent-beside', server, reason });
    },
  ],
  [
    /^(\w+) hasn't shown for (.+) what its shadow has$/,
    (stage, server = '', duration = '') =>
      stage.tell({ type: 'led-by-shadow', server, leadMs: durationOf(duration), isTooLong: true }),
  ],
  [
    /^(\w+) has shown what its shadow has$/,
    (stage, server = '') => stage.tell({ type: 'led-by-shadow', server, leadMs: 10, isTooLong: false }),
  ],
  [
    /^(\w+) and its shadow (\w+) have been probed$/,
    (stage, server = '', shadow = '') => stage.lookedBeside(server, shadow),
  ],
  [
    /^no member can serve a stream that begins: ([\w-]+), (.+)$/,
    (stage, code = '', why = '') => stage.end(new WaymarkError(code as ErrorCode, why)),
  ],
  [/^the agent is asked to stop$/, (stage) => stage.end(new Error('SIGTERM'))],
  [
    /^the lease is lost: (.+)$/,
    (stage, why = '') => {
      stage.election({ leaseLost: true });
      return stage.end(new WaymarkError('not-leader', why));
    },
  ],
  [/^everything is closed after ([\w-]+): (.+)$/, (stage, code = '', why = '') => stage.closed(code, why)],
  [
    /^the stream is given up after ([\w-]+): (.+?)(?:, and tried again (.+) later)?$/,
    (stage, code = '', why = '', retry = '') =>
      stage.halt(code, why, retry === '' ? null : durationOf(retry)),
  ],
];

const batch = { type: 'batch', hints: 0, position: { file: logFile, position: 750 } } as const;

const lost: Sentence[] = [
  [
    /^the server says goodbye, and the stream ends: (.+)$/,
    (stage, message = '') => stage.ended('stream-broken', message, { tookLeave: true }),
  ],
  [
    /^the stream ends with error (\d+): (.+)$/,
    (stage, number = '', message = '') =>
      stage.ended('stream-broken', message, { errorNumber: Number(number) }),
  ],
  [/^the stream ends with ([\w-]+): (.+)$/, (stage, code = '', message = '') => stage.ended(code, message)],
  [
    /^a transaction can't be read \(([\w-]+)\): (.+)$/,
    (stage, code = '', message = '') => stage.unreadable(code, message),
  ],
  [/^the stream has been left$/, (stage) => stage.left()],
  [/^all servers have been probed$/, (stage) => stage.looked()],
  [/^the servers are judged$/, (stage) => stage.tick()],
  [/^the wait is over$/, (stage) => stage.wake()],
];

const tried: Sentence[] = [
  [/^(\w+) proves that it has the place$/, (stage, server = '') => stage.tell({ type: 'proved', server })],
  [/^(\w+) still lacks what was delivered$/, (stage, server = '') => stage.tell({ type: 'behind', server })],
  [
    /^(\w+) can't go on: ([\w-]+), (.+)$/,
    (stage, server = '', code = '', message = '') =>
      stage.tell({
        ...{ type: 'not-proved', server, late: false },
        error: new WaymarkError(code as ErrorCode, message),
      }),
  ],
  [
    /^(\w+) runs out of time$/,
    (stage, server = '') =>
      stage.tell({ type: 'not-proved', server, late: true, error: new Error('no answer within 5 s') }),
  ],
  [/^the operator orders a switch to (\w+)$/, (stage, target = '') => stage.order(target)],
  [/^the target shows that it can go on$/, (stage) => stage.tell({ type: 'rehearsed' })],
  [
    /^the target can't go on: ([\w-]+), (.+)$/,
    (stage, code = '', message = '') =>
      stage.tell({
        ...{ type: 'not-rehearsed', behind: false },
        error: new WaymarkError(code as ErrorCode, message),
      }),
  ],
  [
    /^the target still lacks what was delivered, and its time is over$/,
    (stage) => stage.tell({ type: 'not-rehearsed', behind: true, error: new Error('no answer') }),
  ],
  [
    /^which server would it choose when leaving (\w+) \(([\w-]+)\)\?$/,
    (stage, from = '', cause = '') => stage.choice(cause, from),
  ],
];

const sentences: readonly Sentence[] = [...given, ...seen, ...life, ...lost, ...tried];
