import { changeCountOf, type Fault, faultsOf } from './judge.js';
import { type Fault as PossibleFault, possibleFaults } from './faults.js';
import { hasOneOrder, type Plan, planOf } from './plan.js';
import { Stage } from './stage.js';
import type { AgentEnding } from './supervised-agent.js';
import { Draws } from './world/draws.js';

/** What a run has come to. */
export type Outcome = {
  readonly seed: string;
  readonly plan: Plan;
  /** What is wrong; empty: nothing. */
  readonly faults: readonly Fault[];
  /** What was made to go wrong, and when. */
  readonly made: readonly string[];
  readonly endings: readonly AgentEnding[];
  readonly changes: number;
  /** Whether it was halted by right before its end: see isHaltedByRight. */
  readonly isHalted: boolean;
  readonly switches: number;
  /** Milliseconds of virtual time. */
  readonly tookMs: number;
  /** Two runs with one digest are the same. */
  readonly digest: string;
  readonly log: readonly string[];
};

/** How long all may take to be delivered when nothing goes wrong any more: milliseconds. */
const restMs = 240_000;
/** So long after a hint a checkpoint has it at the latest: milliseconds. The workload begins with one. */
const checkpointMs = 1500;
/** How many faults are drawn until one can be done. */
const mostTries = 4;
/** How often it is looked whether all is delivered. */
const lookMs = 500;
/** A stream whose agents end so often one after the other for the same documented reason goes on no more. */
const endingsInARow = 5;

/** One run: everything in it is drawn from the seed. */
export async function simulate(seed: string): Promise<Outcome> {
  const draws = new Draws(seed);
  const plan = planOf(draws.fork('plan'));
  const stage = new Stage(seed, plan);
  const { world } = stage;
  const made: string[] = [];
  stage.begin();
  breakThings(stage, made);
  const leaders = new Set<string>();
  const watchLeaders = (): boolean => {
    const several = stage.leadersAtOnce;
    if (several.length > 0) leaders.add(`${several.join(' and ')} at ${(world.nowMs / 1000).toFixed(3)}`);
    return false;
  };
  await world.run({ forMs: plan.loadMs, until: watchLeaders });
  stage.endWriting();
  const isOver = overIn(stage);
  const end = await world.run({ forMs: restMs, until: () => watchLeaders() || isOver() });
  const { records, broken } = stage.delivered;
  const isHalted = isHaltedByRight(stage);
  const found = faultsOf(stage.workload.history, records, { inOrder: hasOneOrder(plan), isWhole: !isHalted });
  if (broken.length > 0) found.push({ what: 'lines that are no records', evidence: broken.slice(0, 5) });
  const otherLayouts = stage.agents.flatMap(({ name, foundOtherLayoutsAtMs }) =>
    foundOtherLayoutsAtMs.map((atMs) => `${name} at ${(atMs / 1000).toFixed(3)}`),
  );
  if (otherLayouts.length > 0) {
    found.push({
      what: 'the stored layouts are not those of the checkpoint',
      evidence: otherLayouts.slice(0, 5),
    });
  }
  const differences = stage.agents.flatMap(({ falseDifferences }) => falseDifferences);
  if (differences.length > 0) {
    found.push({ what: 'differences that there are not', evidence: differences.slice(0, 5) });
  }
  const { needless } = stage.witness;
  if (needless.length > 0) found.push({ what: 'left without need', evidence: needless.slice(0, 5) });
  if (leaders.size > 0) found.push({ what: 'two lead at once', evidence: [...leaders].slice(0, 5) });
  if (found.length === 0 && end !== 'met') found.push({ what: `ended by ${end}`, evidence: [] });
  for (const agent of stage.agents) agent.forget();
  const unknown = [...stage.databases, ...(stage.tables === null ? [] : [stage.tables])].flatMap(
    ({ model }) => model.unknown,
  );
  if (unknown.length > 0) found.push({ what: 'questions that the model does not know', evidence: unknown });
  return {
    ...{ seed, plan, faults: found, made, changes: records.length },
    endings: stage.agents.flatMap(({ endings }) => endings),
    isHalted,
    switches: stage.agents.reduce((sum, { events }) => sum + (events.get('failover.done') ?? 0), 0),
    ...{ tookMs: world.nowMs, digest: world.trace.digest },
    log: stage.agents.flatMap(({ log }) => log),
  };
}

/**
 * Makes faults until the load is over, each of which ends by itself. The first one waits until a hint is in a checkpoint:
 * before that the loss of the server that is read is an error by right.
 */
function breakThings(stage: Stage, made: string[]): void {
  const { world, plan } = stage;
  const draws = world.draws.fork('faults');
  const possible = possibleFaults(plan);
  let firstLineMs = Infinity;
  const isReady = (): boolean => {
    if (firstLineMs === Infinity && stage.lines > 0) firstLineMs = world.nowMs;
    return world.nowMs > firstLineMs + checkpointMs;
  };
  const next = (): void => {
    world.after(draws.exponential(plan.faultMs), 'something goes wrong', () => {
      if (world.nowMs >= plan.loadMs) return;
      // Some can't be done now, or not in this set-up.
      for (let left = isReady() ? mostTries : 0; left > 0; left -= 1) {
        const fault = weighted(possible, draws);
        const what = fault.make(stage, draws);
        if (what === null) continue;
        made.push(`${(world.nowMs / 1000).toFixed(3)} ${fault.name}${what === '' ? '' : `: ${what}`}`);
        world.note(`fault: ${fault.name} ${what}`);
        break;
      }
      next();
    });
  };
  next();
}

function weighted(faults: readonly PossibleFault[], draws: Draws): PossibleFault {
  let left = draws.fraction() * faults.reduce((sum, { weight }) => sum + weight, 0);
  for (const fault of faults) {
    left -= fault.weight;
    if (left < 0) return fault;
  }
  const [first] = faults;
  if (first === undefined) throw new Error('there are no faults');
  return first;
}

/**
 * Whether the stream was halted by name, as documented (docs/limits.md): the log has no names, the server of the checkpoint
 * was lost before the statements up to the end of the records were read there, and a later statement changed a table. No other
 * member can take over then, or the others say the same.
 */
function isHaltedByRight({ plan, agents }: Stage): boolean {
  const endings = agents
    .flatMap((agent) => agent.endings)
    .toSorted((one, other) => one.atMs - other.atMs)
    .slice(-endingsInARow);
  const isUnreadable = agents.some(({ suspicions }) => suspicions.has('unsupported-event'));
  return (
    plan.rowMetadata === 'none' &&
    agents.some(({ events }) => events.has('layouts.lost')) &&
    endings.length === endingsInARow &&
    endings.every(({ code }) => code === 'unsupported-event' || (isUnreadable && code === 'no-candidate'))
  );
}

/** Whether as much has been delivered as was committed, or nothing more will be: looked at now and then. */
function overIn(stage: Stage): () => boolean {
  let nextMs = 0;
  let wasDone = false;
  const wanted = changeCountOf(stage.workload.history);
  return () => {
    if (stage.world.nowMs < nextMs) return false;
    nextMs = stage.world.nowMs + lookMs;
    if (isHaltedByRight(stage)) return true;
    // One that stood still may write yet: it is looked at once more when it has gone on.
    const isDone = stage.lines >= wanted && stage.agents.every(({ isAtRest }) => isAtRest);
    const isDoneStill = wasDone && isDone;
    wasDone = isDone;
    return isDoneStill;
  };
}
