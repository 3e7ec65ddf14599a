import { randomUUID } from 'node:crypto';
import { waitUntilApplied, type TestZooKeeper } from '../servers/index.js';
import { until } from '../servers/wait.js';
import type { Random } from '../support/random.js';
import type { Agents } from './agents.js';
import type { AuditFiles } from './audit-files.js';
import type { Disk } from './disk.js';
import type { Host } from './host.js';
import type { Load } from './load.js';
import type { SupervisedAgent } from './supervised-agent.js';

/** How long everything may take to come to rest when nothing is done to it any more. */
const calmMs = 150_000;

/** A way between two, which can be cut. */
export type Link = {
  readonly name: string;
  cut(): void;
  mend(): void;
};

/** The ways from the agents and between the servers. */
export type Links = {
  between(agent: SupervisedAgent, host: Host): Link;
  aboveReplica(replica: Host): Link;
  toZooKeeper(agent: SupervisedAgent): Link;
};

/** A transaction that was written on a replica. */
export type Errant = {
  readonly server: string;
  /** Whether the agents named it. Else they didn't read that server. */
  named: boolean;
};

/** How often, by name. */
class Tally {
  readonly counts = new Map<string, number>();

  count(name: string): void {
    this.counts.set(name, (this.counts.get(name) ?? 0) + 1);
  }
}

/** What faults are made on. */
export class Stage {
  readonly source: Host;
  readonly replicas: readonly Host[];
  readonly zookeeper: TestZooKeeper;
  readonly links: Links;
  readonly agents: Agents;
  readonly audit: AuditFiles;
  readonly load: Load;
  /** The audit's disk, or why it has none of its own. */
  readonly disk: Disk | string;
  /** While it exists, each write of the agents takes as many milliseconds as it says. */
  readonly slowFile: string;
  /** All that were written. */
  readonly errant: Errant[] = [];
  /** What became of the orders that were given: planned switches, and replicas to be moved. */
  readonly orders = new Tally();

  constructor(parts: Omit<Stage, 'errant' | 'orders' | 'hosts' | 'read' | 'level' | 'calm'>) {
    this.source = parts.source;
    this.replicas = parts.replicas;
    this.zookeeper = parts.zookeeper;
    this.links = parts.links;
    this.agents = parts.agents;
    this.audit = parts.audit;
    this.load = parts.load;
    this.disk = parts.disk;
    this.slowFile = parts.slowFile;
  }

  /** Source and replicas. */
  get hosts(): readonly Host[] {
    return [this.source, ...this.replicas];
  }

  /** The replica that the stream is read from, or was last. */
  get read(): Host | undefined {
    return this.replicas.find(({ address }) => address === this.agents.reading);
  }

  /** Resolves when everything that is on the source now stands in the audit. */
  async level(timeoutMs = calmMs): Promise<void> {
    const mark = randomUUID();
    const arrived = this.audit.expect(mark);
    await this.load.mark(mark);
    await until('the audit holds everything', arrived, { timeoutMs, everyMs: 50 });
  }

  /** Resolves when all replicate, the agents are well, and all is delivered. To be called when nothing is done to anybody. */
  async calm(): Promise<void> {
    await Promise.all(
      this.replicas.map(({ server }) => waitUntilApplied(server, this.source.server, calmMs)),
    );
    await this.agents.healthy(calmMs);
    await this.level();
  }
}

/** Undoes what a fault did. */
export type Undo = () => Promise<void>;

/** What a fault is done to now. */
export type Aim = {
  /** Its name, for people; nothing else is done to what has this name meanwhile. */
  readonly on: string;
  /** Does it; resolves with what undoes it. */
  begin(): Promise<Undo>;
};

/** What a fault does, everything left to chance drawn. */
export type Act = {
  /** What is done, for people. */
  readonly what: string;
  /** Between doing and undoing it. */
  readonly holdMs: number;
  /** Whether it begins only when nothing else is going on, and nothing else happens meanwhile. */
  readonly alone?: true;
  /** What it is done to; undefined as long as something is being done to all that it could be done to. */
  aim(stage: Stage, isFree: (name: string) => boolean): Aim | undefined;
};

/** A kind of fault. */
export type Fault = {
  readonly name: string;
  readonly weight: number;
  /** It is no reason to leave a server. Only such faults are made with --gentle. */
  readonly gentle?: true;
  /** Why it can't be made on this stage, or not now; null: it can. */
  unable?(stage: Stage): string | null;
  /** Draws what is left to chance, the same from the same seed whatever has happened: nothing else is drawn anywhere. */
  draw(random: Random): Act;
};
