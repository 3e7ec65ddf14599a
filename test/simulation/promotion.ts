import type { Database } from './database.js';
import type { Stage } from './stage.js';

/** How often it is looked whether the next step can be taken: milliseconds. */
const lookMs = 50;
/** So long one waits for a replica that is to have everything; then the source stays the source. */
const patienceMs = 4000;

/**
 * A replica becomes the source because somebody wants it to. Nobody writes meanwhile, and the replica has everything before
 * it takes over. The old source replicates from it.
 */
export function promoteByPlan(stage: Stage, next: Database, then: () => void = () => undefined): void {
  const { source } = stage;
  stage.pauseWriting();
  source.model.readOnly = true;
  stage.note(`${next.machine.name} is to be the source`);
  waitFor(stage, {
    isMet: () => next.isAwake && hasAll(stage, next),
    isOver: () => !source.isUp || !next.isUp,
    then: () => {
      takeOver(stage, next);
      follow(stage, source);
      then();
    },
    otherwise: () => {
      source.model.readOnly = false;
      stage.resumeWriting();
    },
  });
}

/** A replica is the source for some time. Then the one before is the source again. */
export function promoteForAWhile(stage: Stage, next: Database, forMs: number): void {
  const { source } = stage;
  promoteByPlan(stage, next, () => {
    stage.world.after(forMs, `${source.machine.name}: is to be the source again`, () => {
      const isPossible = stage.source === next && !stage.isPaused && stage.mayBecomeSource(source);
      if (isPossible && next.isAwake) promoteByPlan(stage, source);
    });
  });
}

/**
 * The source dies, and a replica that has everything takes over. If there is none, the source is started again: what it alone
 * has must not be lost. Otherwise it comes back as a replica.
 */
export function promoteAfterDeath(stage: Stage, returnsAfterMs: number): void {
  const { source } = stage;
  source.kill();
  stage.pauseWriting();
  const next = (): Database | null =>
    stage.replicas.find((one) => one.isAwake && stage.mayBecomeSource(one) && hasAll(stage, one)) ?? null;
  waitFor(stage, {
    isMet: () => next() !== null,
    isOver: () => false,
    then: () => {
      const chosen = next();
      if (chosen === null) return;
      takeOver(stage, chosen);
      stage.world.after(returnsAfterMs, `${source.machine.name}: comes back`, () => {
        source.model.readOnly = true;
        source.start();
        follow(stage, source);
      });
    },
    otherwise: () => {
      source.start();
      stage.resumeWriting();
    },
  });
}

function hasAll({ workload }: Stage, { model }: Database): boolean {
  return (
    model.replication?.hasGaps === false && workload.history.every((transaction) => model.has(transaction))
  );
}

/** It is written to, and all others replicate from it as soon as they can. */
function takeOver(stage: Stage, next: Database): void {
  stage.note(`${next.machine.name} is the source`);
  next.model.promote();
  stage.changeSource(next);
  for (const database of stage.replicas) follow(stage, database);
  stage.resumeWriting();
}

/** Has a server replicate from the source, when it has applied all that has come from the one before. */
function follow(stage: Stage, database: Database): void {
  const look = (): void => {
    const { model } = database;
    const { source } = stage;
    if (database === source || model.replication?.source === source.model) return;
    const hasRead = model.replication === null || isDone(model.replication);
    if (database.isAwake && hasRead) {
      model.follow(source.model);
      model.readOnly = true;
      database.followsNow();
    } else stage.world.after(lookMs, 'a replica is looked at', look);
  };
  look();
}

function isDone({ waiting, hasGaps }: NonNullable<Database['model']['replication']>): boolean {
  return waiting.length === 0 && !hasGaps;
}

type Wait = {
  readonly isMet: () => boolean;
  /** Whether it can't be met any more. */
  readonly isOver: () => boolean;
  readonly then: () => void;
  readonly otherwise: () => void;
};

function waitFor({ world }: Stage, { isMet, isOver, then, otherwise }: Wait): void {
  const untilMs = world.nowMs + patienceMs;
  const look = (): void => {
    if (isOver() || world.nowMs > untilMs) otherwise();
    else if (isMet()) then();
    else world.after(lookMs, 'a replica is looked at', look);
  };
  look();
}
