import { parseKind } from '../servers/kind.js';
import { type Group, groups } from './groups.js';

/** The servers that there are without a registry; one version of a vendor, with or without GTIDs. */
export const kinds = {
  mariadb: ['mariadb:10.11', 'mariadb:11.8'],
  mysql: ['mysql:9.7', 'mysql:9.7:gtid-off'],
} as const;

/** Those that a registry has. */
export const officialKinds: readonly string[] = ['mysql:8.4', 'mysql:8.0'];

/** The client for ZooKeeper that agents have: whichever they choose, or waymark's own. */
type Client = 'chosen' | 'javascript';

/** By what streams find their places in scenarios that leave it open: hints, or GTIDs without a single hint. */
type Anchors = 'hints' | 'gtid';

/** A kind of server, and what finds places there. */
interface Stage {
  readonly kind: string;
  readonly anchors: Anchors;
}

/** What a group is run on. */
export interface Drawn {
  readonly group: Group;
  readonly stages: readonly Stage[];
  readonly client: Client;
}

/** What goes into one run of vitest: groups on one kind of server, with one kind of anchors and one client. */
export interface Run extends Stage {
  readonly client: Client;
  readonly groups: readonly Group[];
}

const interleaved = kinds.mariadb.flatMap((kind, index) => [kind, kinds.mysql[index]!]);

/**
 * What a commit's groups are run on. Each commit runs every group, on some of the servers; over the commits all pairs come:
 * of group and server, of client and server, of MariaDB's version and MySQL's GTIDs, of anchors with group and server. Neighbours in the list of groups get
 * different servers, so that each kind of server has about the same to do.
 */
export function draw(commit: string): Drawn[] {
  const number = Number.parseInt(commit.slice(0, 8), 16);
  if (Number.isNaN(number))
    throw new Error(`a commit is its hash in hexadecimal digits, and not '${commit}'`);
  return groups.map((group, index) => ({
    group,
    stages: kindsOf(group, number, index).map((kind) => {
      // By a bit of its own, as the client is.
      const byGtid = (Math.floor(number / 8) + index) % 2 === 1;
      return { kind, anchors: byGtid && mayGoByGtid(group, kind) ? 'gtid' : 'hints' };
    }),
    // What is drawn by the bits below it differs: so each client meets each kind of server.
    client: group.zookeeper && Math.floor(number / 4) % 2 === 1 ? 'javascript' : 'chosen',
  }));
}

function kindsOf({ spread }: Group, number: number, index: number): string[] {
  switch (spread.kind) {
    case 'once':
      return [spread.on];
    case 'vendors':
      return [kinds.mariadb[(number + index) % 2]!, kinds.mysql[(Math.floor(number / 2) + index) % 2]!];
    case 'drawn':
      return [interleaved[(number + index) % interleaved.length]!];
  }
}

/** Whether the group's scenarios can be played without hints on servers of this kind. */
function mayGoByGtid(group: Group, kind: string): boolean {
  return group.anchors === 'either' && parseKind(kind).settings['gtid_mode'] !== 'OFF';
}

/**
 * Everything on every kind: what needs no server, or starts its own, once; what is about ZooKeeper with both clients; what
 * goes by either anchors with both.
 */
export function product(all: readonly string[]): Drawn[] {
  return groups.flatMap((group): Drawn[] => {
    const on = group.spread.kind === 'once' ? [group.spread.on] : all;
    const stages = on.flatMap((kind): Stage[] => {
      const byHints = { kind, anchors: 'hints' } as const;
      return mayGoByGtid(group, kind) ? [byHints, { kind, anchors: 'gtid' }] : [byHints];
    });
    const chosen = { group, stages, client: 'chosen' } as const;
    return group.zookeeper ? [chosen, { ...chosen, client: 'javascript' }] : [chosen];
  });
}

/** The runs that it takes, one kind of server after the other. */
export function runsOf(drawn: readonly Drawn[]): Run[] {
  const all = [...kinds.mariadb, ...kinds.mysql, ...officialKinds];
  return all.flatMap((kind) =>
    variants.flatMap(({ anchors, client }): Run[] => {
      const ours = drawn.filter(
        (one) =>
          one.client === client &&
          one.stages.some((stage) => stage.kind === kind && stage.anchors === anchors),
      );
      return ours.length === 0 ? [] : [{ kind, anchors, client, groups: ours.map(({ group }) => group) }];
    }),
  );
}

/** What runs on one kind of server differ in. */
const variants = (['hints', 'gtid'] as const).flatMap((anchors) =>
  (['chosen', 'javascript'] as const).map((client) => ({ anchors, client })),
);

/** What a run is on, for people. */
export function describeRun({ kind, anchors, client }: Omit<Run, 'groups'>): string {
  return [
    kind,
    ...(anchors === 'gtid' ? ['without hints'] : []),
    ...(client === 'javascript' ? ["with waymark's own client for ZooKeeper"] : []),
  ].join(', ');
}

/** For people: a line for each run. */
export function describeRuns(runs: readonly Run[]): string {
  return runs
    .map((run) => `${describeRun(run)}: ${run.groups.map(({ name }) => name).join(', ')}`)
    .join('\n');
}
