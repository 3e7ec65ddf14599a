import { randomUUID } from 'node:crypto';
import type { TestServer, Topology } from '../servers/index.js';
import type { AuditFiles } from './audit-files.js';
import type { Disk } from './disk.js';
import type { Load } from './load.js';
import type { SupervisedAgent } from './supervised-agent.js';
import { until } from '../servers/wait.js';
import type { Random } from '../support/random.js';

/** How long everything may take to come to rest when nothing is done to it any more. */
const calmMs = 120_000;

/** What faults are made on. */
export class Stage {
  readonly topology: Topology;
  readonly agent: SupervisedAgent;
  readonly audit: AuditFiles;
  readonly load: Load;
  /** The audit's disk, or why it has none of its own. */
  readonly disk: Disk | string;

  constructor(parts: Pick<Stage, 'topology' | 'agent' | 'audit' | 'load' | 'disk'>) {
    this.topology = parts.topology;
    this.agent = parts.agent;
    this.audit = parts.audit;
    this.load = parts.load;
    this.disk = parts.disk;
  }

  /** The replica that the stream is read from, or was last. */
  get read(): TestServer | undefined {
    return this.topology.replicas.find(({ address }) => address === this.agent.reading);
  }

  /** Resolves when everything that is on the source now stands in the audit. */
  async level(timeoutMs = calmMs): Promise<void> {
    const mark = randomUUID();
    const arrived = this.audit.expect(mark);
    await this.load.mark(mark);
    await until('the audit holds everything', arrived, { timeoutMs, everyMs: 50 });
  }

  /** Resolves when all replicate, the agent reads, and everybody is well. To be called when nothing is done to anybody. */
  async calm(): Promise<void> {
    await this.topology.waitForReplicas([...this.topology.replicas], calmMs);
    await this.agent.healthy(calmMs);
    await this.level();
  }
}

/** Whom a fault is made to. */
export type Role = 'source' | 'agent' | 'the replica that is read' | 'another replica' | 'everybody';

/** What a fault does, everything left to chance drawn. */
export type Act = {
  /** What is done, for people. */
  readonly what: string;
  readonly to: Role;
  /** Between doing and undoing it. */
  readonly holdMs: number;
  /** Whether it begins only when nothing else is going on, and nothing else happens meanwhile. */
  readonly alone?: true;
  /**
   * Does it; resolves with what undoes it.
   * @param server the one of that role, where the role is a server's
   */
  begin(server: TestServer): Promise<() => Promise<void>>;
};

/** A kind of fault. */
export type Fault = {
  readonly name: string;
  readonly weight: number;
  /** Why it can't be made on this stage; null: it can. */
  unable?(stage: Stage): string | null;
  /** Draws what is left to chance, the same from the same seed whatever has happened: nothing else is drawn anywhere. */
  draw(random: Random, stage: Stage): Act;
};
