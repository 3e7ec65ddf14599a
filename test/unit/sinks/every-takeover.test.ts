import { expect, test } from 'vitest';
import { AuditFile } from '../../../src/sinks/audit-file.js';
import { lockFile } from '../../../src/sinks/file-lock.js';
import { hasCode, messageOf } from '../../../src/util/errors.js';
import { type Move, type Run, runAll, SharedWorld, SteppedProcess } from '../../support/interleavings.js';

const path = '/audit/audit.ndjson';
const stream = 'shop-audit';
/** How late each timer is: what is looked for time and again is looked for a few times. */
const lateMs = 900;
/** No holder of a lock is silent for so long while it lives. */
const longMs = 31_000;

type Setting = {
  /** Whether the agents see each other's processes. */
  readonly apart: boolean;
  readonly agents: number;
  /** How many of them may die. */
  readonly deaths: number;
  /** How often all stands still for long. */
  readonly pauses: number;
  /** How often one of them stands still and another one goes on. */
  readonly switches: number;
};

/** One that leads under a token: takes the file over, and writes. */
class Leader {
  readonly process: SteppedProcess;
  readonly token: number;
  /** How many lines of earlier leaders the file had when it was taken over; null: it isn't this one's. */
  before: number | null = null;
  outcome: string | null = null;

  constructor(process: SteppedProcess, token: number) {
    this.process = process;
    this.token = token;
  }

  /** @param isLast it stays: nobody comes after it. */
  async lead(countEarlier: () => number, isLast: boolean): Promise<void> {
    try {
      const { lock } = await lockFile(path, path, { stream, token: this.token });
      const file = await AuditFile.openOrCreate(path);
      this.before = countEarlier();
      await lock.guard(() => file.append(Buffer.from(`${String(this.token)}\n`), 2));
      if (!isLast) {
        // Whoever comes behind this finds what there is, and goes on from there.
        this.before = null;
        await lock.release();
      }
      this.outcome = 'done';
    } catch (error) {
      const isRefusal = hasCode(error, 'not-leader') || hasCode(error, 'sink');
      this.outcome = isRefusal && !isLast ? 'refused' : messageOf(error);
    }
  }
}

/** Leaders one after the other, each of which may still believe that it is one. */
class Takeover implements Run {
  readonly #world = new SharedWorld();
  readonly #leaders: readonly Leader[];
  #deaths: number;
  #pauses: number;
  #switches: number;
  #moved: Leader | null = null;

  constructor({ apart, agents, deaths, pauses, switches }: Setting) {
    this.#switches = switches;
    this.#world.files.makeFolder('/audit');
    this.#world.lateMs = lateMs;
    this.#deaths = deaths;
    this.#pauses = pauses;
    this.#leaders = Array.from({ length: agents }, (_, index) => {
      const place = apart ? `container-${String(index)}` : 'machine';
      const process = new SteppedProcess(this.#world, `agent-${String(index)}`, { pid: 100 + index, place });
      return new Leader(process, index + 1);
    });
    for (const leader of this.#leaders) {
      void leader.process.run(() =>
        leader.lead(() => this.#linesBefore(leader.token), leader.token === agents),
      );
    }
  }

  moves(): readonly Move[] {
    const open = this.#leaders.filter(({ outcome, process }) => outcome === null && !process.isDead);
    const others = open.filter((one) => one !== this.#moved);
    const isFree = this.#moved === null || others.length === open.length;
    const moves = [
      ...open.filter((one) => one === this.#moved).flatMap((one) => one.process.moves),
      ...(isFree || this.#switches > 0 ? others : []).flatMap((one) =>
        one.process.moves.map((move) => this.#moveOf(one, move, isFree ? 0 : 1)),
      ),
    ];
    if (this.#deaths > 0) moves.push(...open.map((one) => this.#death(one)));
    if (this.#pauses > 0 && open.length > 0) moves.push(this.#pause());
    return moves;
  }

  key(): string {
    const leaders = this.#leaders.map(
      ({ process, before }) => `${process.key}${String(process.isDead)}${String(before)}`,
    );
    return `${this.#world.filesKey}|${leaders.join('|')}|${String(this.#world.nowMs)}|${String(this.#deaths)}${String(this.#pauses)} ${this.#switches} ${this.#moved?.token ?? 0}`;
  }

  broken(): string | null {
    for (const { token, before, outcome, process } of this.#leaders) {
      if (before !== null && this.#linesBefore(token) > before)
        return `an earlier leader writes behind leader ${String(token)}`;
      const isLast = token === this.#leaders.length;
      const isRight = outcome === null || outcome === 'done' || outcome === 'refused';
      if (!isRight) return `${process.name} ended: ${outcome}`;
      if (isLast && outcome === null && !process.isDead && process.moves.length === 0)
        return `${process.name} stands still`;
    }
    return null;
  }

  #moveOf(leader: Leader, { what, do: move }: Move, switches: number): Move {
    return {
      what,
      do: () => {
        this.#moved = leader;
        this.#switches -= switches;
        move();
      },
    };
  }

  #death({ process }: Leader): Move {
    return {
      what: `${process.name} dies`,
      do: () => {
        process.isDead = true;
        this.#deaths -= 1;
      },
    };
  }

  #pause(): Move {
    return {
      what: 'all stands still',
      do: () => {
        this.#world.nowMs += longMs;
        this.#pauses -= 1;
      },
    };
  }

  #linesBefore(token: number): number {
    const { files } = this.#world;
    const isThere = files.list('/audit').some(({ name }) => path.endsWith(`/${name}`));
    if (!isThere) return 0;
    const lines = files.content(path).toString().split('\n').slice(0, -1);
    return lines.filter((line) => Number(line) < token).length;
  }
}

const isLarge = process.env['WAYMARK_TEST_MODEL'] === 'large';

/** Of the larger ones each takes minutes. */
const settings: readonly Setting[] = [
  { apart: false, agents: 2, deaths: 0, pauses: 0, switches: 3 },
  ...(isLarge
    ? [
        { apart: false, agents: 2, deaths: 1, pauses: 0, switches: 4 },
        { apart: true, agents: 2, deaths: 0, pauses: 1, switches: 4 },
        { apart: true, agents: 2, deaths: 1, pauses: 1, switches: 4 },
      ]
    : []),
];

test.each(settings)(
  'a file has no line of an earlier leader while a later one has it: %j',
  { timeout: isLarge ? 3_600_000 : 120_000 },
  async (setting) => {
    const { states, interleavings, steps } = await runAll(() => new Takeover(setting), 400);
    console.log(
      `${JSON.stringify(setting)}: ${states} states, ${interleavings} interleavings, ${steps} steps`,
    );
    expect(interleavings).toBeGreaterThan(1_000);
  },
);
