import { expect, test, vi } from 'vitest';
import { Secret } from '../../../src/config/secret.js';
import type { Elections, Leadership } from '../../../src/election/election.js';
import { mysqlElections } from '../../../src/election/mysql-election.js';
import { zookeeperElections } from '../../../src/election/zookeeper-election.js';
import { type Move, type Run, runAll, SharedWorld, SteppedProcess } from '../../support/interleavings.js';
import type { ConnectRequest } from '../../../src/zookeeper/zookeeper-calls.js';
import { connectTo, type SimulatedBackend, SimulatedQueue, SimulatedRow } from './simulated-backends.js';

const times = { timeoutMs: 4_000, intervalMs: 1_000, marginMs: 1_000 };
/** Until then things go wrong; how long a pause takes; and how long a leader may take when nothing goes wrong any more. */
const troubleMs = 4_000;
const pauseMs = times.timeoutMs + 500;
const calmMs = 3 * times.timeoutMs;

vi.mock('../../../src/mysql/connection.js', async (original) => ({
  ...(await original<object>()),
  connect: async () => (await import('./simulated-backends.js')).connectToRow(4_000),
}));
vi.mock('../../../src/zookeeper/choose-client.js', () => ({
  startClient: async (request: ConnectRequest) =>
    (await import('./simulated-backends.js')).connectToQueue(request),
  whyNotNative: () => null,
}));

type Kind = 'mysql' | 'zookeeper';

/** Each run has servers of its own: connections are shared by address within this process. */
let runs = 0;

class Candidate {
  readonly process: SteppedProcess;
  readonly elections: Elections;
  leadership: Leadership | null = null;
  pausedUntilMs = -Infinity;
  /** Until then nothing that it asks arrives. */
  cutOffUntilMs = -Infinity;

  constructor(process: SteppedProcess, elections: Elections) {
    this.process = process;
    this.elections = elections;
  }

  async lead(begins: (leadership: Leadership) => void, signal: AbortSignal): Promise<void> {
    for (;;) {
      const leadership = await this.elections.of('shop-audit').campaign(signal);
      this.leadership = leadership;
      begins(leadership);
      if (!leadership.lost.aborted) {
        await new Promise<void>((resolve) => {
          leadership.lost.addEventListener('abort', () => {
            resolve();
          });
        });
      }
      await leadership.resign();
    }
  }

  /** Whether it would begin a write now. */
  get holds(): boolean {
    const { leadership } = this;
    if (leadership === null || leadership.lost.aborted) return false;
    try {
      this.process.run(() => {
        leadership.assertHeld();
      });
      return true;
    } catch {
      return false;
    }
  }
}

class Campaigns implements Run {
  readonly #world = new SharedWorld();
  readonly #backend: SimulatedBackend;
  readonly #candidates: readonly Candidate[];
  readonly #beganMs = this.#world.nowMs;
  #faults: number;
  #lastToken = 0;
  #broken: string | null = null;

  constructor(kind: Kind, agents: number, faults: number) {
    this.#faults = faults;
    runs += 1;
    const backend =
      kind === 'mysql' ? new SimulatedRow(this.#world) : new SimulatedQueue(this.#world, times.timeoutMs);
    this.#backend = backend;
    this.#candidates = Array.from({ length: agents }, (_, index) => {
      const name = `agent-${index}`;
      const process = new SteppedProcess(this.#world, name, { pid: 100 + index, place: name });
      connectTo(process, backend);
      return new Candidate(
        process,
        process.run(() => electionsOf(kind, name)),
      );
    });
    const { signal } = new AbortController();
    for (const candidate of this.#candidates) {
      const begins = (leadership: Leadership): void => {
        this.#begins(candidate, leadership);
      };
      void candidate.process.run(() => candidate.lead(begins, signal));
    }
  }

  /** What is next when nothing goes wrong comes first; everything else is a fault. */
  moves(): readonly Move[] {
    const { nowMs } = this.#world;
    if (nowMs > this.#beganMs + troubleMs + pauseMs + calmMs) return [];
    const awake = this.#candidates.filter(({ pausedUntilMs }) => pausedUntilMs <= nowMs);
    const dueMs = ({ process, pausedUntilMs }: Candidate): number => Math.max(process.dueMs, pausedUntilMs);
    const [next, ...others] = this.#candidates.toSorted((one, other) => dueMs(one) - dueMs(other));
    if (next === undefined || dueMs(next) === Infinity) return [];
    if (next.pausedUntilMs > nowMs) {
      return [
        {
          what: `${next.process.name} goes on`,
          do: () => {
            this.#world.nowMs = next.pausedUntilMs;
          },
        },
      ];
    }
    const [lost] = next.cutOffUntilMs > nowMs ? next.process.faults : [];
    if (lost !== undefined) return [lost];
    const [natural, ...sooner] = next.process.moves;
    const moves = natural === undefined ? [] : [natural];
    if (this.#faults === 0 || nowMs > this.#beganMs + troubleMs) return moves;
    const inOtherOrder = others
      .filter((other) => awake.includes(other) && dueMs(other) <= nowMs)
      .flatMap(({ process }) => process.moves.slice(0, 1));
    const faults = [
      ...sooner,
      ...inOtherOrder,
      ...next.process.faults,
      ...this.#pauses(awake),
      ...this.#late(),
    ];
    return [...moves, ...faults.map((fault) => this.#counted(fault))];
  }

  key(): string {
    const { nowMs, late } = this.#world;
    const candidates = this.#candidates.map(
      ({ process, leadership, pausedUntilMs, cutOffUntilMs }) =>
        `${process.key} ${leadership?.token ?? ''} ${leadership?.lost.aborted ?? ''} ${Math.max(pausedUntilMs, nowMs)} ${Math.max(cutOffUntilMs, nowMs)}`,
    );
    return [this.#backend.key, ...candidates, nowMs, this.#faults, ...late.map(({ what }) => what)].join('|');
  }

  broken(): string | null {
    if (this.#broken !== null) return this.#broken;
    const { nowMs } = this.#world;
    const leading = this.#candidates.filter(({ leadership }) => leadership?.lost.aborted === false);
    for (const { process, holds } of leading.filter((one) => nowMs >= this.#stopsMs(one))) {
      if (holds) return `${process.name} leads when its lease is over by its own clock`;
    }
    if (leading.length > 1 && leading.filter(({ holds }) => holds).length > 1) return 'two lead at once';
    const isOver = nowMs > this.#beganMs + troubleMs + pauseMs + calmMs;
    if (isOver && leading.filter(({ holds }) => holds).length !== 1) return 'nobody leads in the end';
    return null;
  }

  #stopsMs({ process }: Candidate): number {
    return (this.#backend.heardAtMs(process) ?? -Infinity) + times.timeoutMs - times.marginMs;
  }

  #begins(candidate: Candidate, { token }: Leadership): void {
    if (token <= this.#lastToken)
      this.#broken = `${candidate.process.name} begins with token ${token}, behind ${this.#lastToken}`;
    this.#lastToken = token;
    const other = this.#candidates.find((one) => one !== candidate && one.holds);
    if (other !== undefined)
      this.#broken = `${other.process.name} still leads when ${candidate.process.name} begins`;
  }

  #pauses(awake: readonly Candidate[]): Move[] {
    return awake.flatMap((candidate) => [
      {
        what: `${candidate.process.name} stands still`,
        do: () => {
          candidate.pausedUntilMs = this.#world.nowMs + pauseMs;
        },
      },
      {
        what: `${candidate.process.name} is cut off`,
        do: () => {
          candidate.cutOffUntilMs = this.#world.nowMs + pauseMs;
        },
      },
    ]);
  }

  #late(): Move[] {
    return this.#world.late.map((move) => ({
      what: move.what,
      do: () => {
        this.#world.late = this.#world.late.filter((other) => other !== move);
        move.do();
      },
    }));
  }

  #counted(fault: Move): Move {
    return {
      what: `! ${fault.what}`,
      do: () => {
        this.#faults -= 1;
        fault.do();
      },
    };
  }
}

function electionsOf(kind: Kind, name: string): Elections {
  const logger = { info: () => undefined, warn: () => undefined };
  const options = { self: { host: name, pid: 1, run: 'run' }, ...times, logger };
  const host = `${name}-${runs}`;
  if (kind === 'zookeeper')
    return zookeeperElections({ ...options, connect: `${host}:2181`, root: '/waymark' });
  const account = { user: 'waymark', password: new Secret('any') };
  return mysqlElections({ ...options, tables: { server: { host, port: 3306 }, schema: 'waymark' }, account });
}

const faults = process.env['WAYMARK_TEST_MODEL'] === 'large' ? 2 : 1;

test.each([
  { kind: 'mysql', agents: 2 },
  { kind: 'zookeeper', agents: 2 },
] as const)(
  'one of $agents agents leads by $kind, whatever one thing goes wrong',
  { timeout: 3_600_000 },
  async ({ kind, agents }) => {
    const { states, interleavings, steps } = await runAll(() => new Campaigns(kind, agents, faults), 5_000);
    console.log(
      `${kind}, ${agents} agents, ${faults} faults: ${states} states, ${interleavings} interleavings, ${steps} steps`,
    );
    expect(interleavings).toBeGreaterThan(100);
  },
);
