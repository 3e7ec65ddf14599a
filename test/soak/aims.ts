import type { Random } from '../support/random.js';
import type { Host } from './host.js';
import type { Act, Link, Stage, Undo } from './stage.js';
import type { SupervisedAgent } from './supervised-agent.js';

type AimAt = Act['aim'];

/** A server, drawn before it is known which one that is. */
export type ServerChoice = {
  readonly role: 'source' | 'the replica that is read' | 'another replica';
  readonly number: number;
};

/** What is undone at once has nothing to undo. */
export const nothing: Undo = () => Promise.resolve();

/** Most faults hit the server that the stream is read from: they are what it is about. */
export function drawServer(random: Random): ServerChoice {
  const fraction = random.fraction();
  const other = fraction < 0.8 ? 'another replica' : 'source';
  return { role: fraction < 0.5 ? 'the replica that is read' : other, number: random.between(0, 5) };
}

/** The replica that is read, or any other. */
export function drawReplica(random: Random): ServerChoice {
  const role = random.chance(0.6) ? 'the replica that is read' : 'another replica';
  return { role, number: random.between(0, 5) };
}

/** At a server. */
export function atServer(choice: ServerChoice, begin: (host: Host, stage: Stage) => Promise<Undo>): AimAt {
  return (stage, isFree) => {
    const host = serverOf(choice, stage, isFree);
    return host === undefined ? undefined : { on: host.name, begin: () => begin(host, stage) };
  };
}

/** At an agent: mostly at the one that leads. */
export function atAgent(
  random: Random,
  begin: (agent: SupervisedAgent, stage: Stage) => Promise<Undo>,
): AimAt {
  const leads = random.chance(0.7);
  return (stage, isFree) => {
    const agent = agentOf(leads, stage);
    const on = agentName(agent);
    return agent?.isUp === true && isFree(on) ? { on, begin: () => begin(agent, stage) } : undefined;
  };
}

/** At what there is only one of. */
export function at(on: string, begin: (stage: Stage) => Promise<Undo>): AimAt {
  return (stage, isFree) => (isFree(on) ? { on, begin: () => begin(stage) } : undefined);
}

/** A way between two, cut. */
export function atLink(random: Random): AimAt {
  const [kind, leads, choice] = [random.fraction(), random.chance(0.7), drawServer(random)];
  return (stage, isFree) => {
    const link = linkOf(kind, leads, choice, stage);
    if (link === undefined || !isFree(link.name)) return undefined;
    const begin = (): Promise<Undo> => {
      link.cut();
      return Promise.resolve(() => {
        link.mend();
        return Promise.resolve();
      });
    };
    return { on: link.name, begin };
  };
}

function linkOf(kind: number, leads: boolean, choice: ServerChoice, stage: Stage): Link | undefined {
  const host = serverOf(choice, stage, () => true);
  const agent = agentOf(leads, stage);
  if (host === undefined || agent === undefined) return undefined;
  if (kind < 0.5) return stage.links.between(agent, host);
  if (kind < 0.75) return stage.links.toZooKeeper(agent);
  const replica = host === stage.source ? stage.read : host;
  return replica === undefined ? undefined : stage.links.aboveReplica(replica);
}

function agentOf(leads: boolean, { agents }: Stage): SupervisedAgent | undefined {
  return agents.all.find((one) => (one === agents.leader) === leads);
}

function agentName(agent: SupervisedAgent | undefined): string {
  return `agent ${agent?.name ?? ''}`;
}

/** Where something is being done to all that are meant, any replica is as good. */
function serverOf(
  { role, number }: ServerChoice,
  stage: Stage,
  isFree: (name: string) => boolean,
): Host | undefined {
  const { source, replicas, read } = stage;
  if (role === 'source' && isFree(source.name)) return source;
  if (role === 'the replica that is read' && read !== undefined && isFree(read.name)) return read;
  const others = replicas.filter((one) => (role !== 'another replica' || one !== read) && isFree(one.name));
  return others[number % Math.max(1, others.length)];
}
