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

/** What a group is run on. */
export interface Drawn {
  readonly group: Group;
  readonly kinds: readonly string[];
  readonly client: Client;
}

/** What goes into one run of vitest: groups on one kind of server, with one client. */
export interface Run {
  readonly kind: string;
  readonly client: Client;
  readonly groups: readonly Group[];
}

const interleaved = kinds.mariadb.flatMap((kind, index) => [kind, kinds.mysql[index]!]);

/**
 * What a commit's groups are run on. Each commit runs every group, on some of the servers; over the commits all pairs come:
 * of group and server, of client and server, of MariaDB's version and MySQL's GTIDs. Neighbours in the list of groups get
 * different servers, so that each kind of server has about the same to do.
 */
export function draw(commit: string): Drawn[] {
  const number = Number.parseInt(commit.slice(0, 8), 16);
  if (Number.isNaN(number))
    throw new Error(`a commit is its hash in hexadecimal digits, and not '${commit}'`);
  return groups.map((group, index) => ({
    group,
    kinds: kindsOf(group, number, index),
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

/** Everything on every kind: what needs no server, or starts its own, once; what is about ZooKeeper with both clients. */
export function product(all: readonly string[]): Drawn[] {
  return groups.flatMap((group): Drawn[] => {
    const on = group.spread.kind === 'once' ? [group.spread.on] : all;
    const chosen = { group, kinds: on, client: 'chosen' } as const;
    return group.zookeeper ? [chosen, { ...chosen, client: 'javascript' }] : [chosen];
  });
}

/** The runs that it takes, one kind of server after the other. */
export function runsOf(drawn: readonly Drawn[]): Run[] {
  const all = [...kinds.mariadb, ...kinds.mysql, ...officialKinds];
  return all.flatMap((kind) =>
    (['chosen', 'javascript'] as const).flatMap((client): Run[] => {
      const ours = drawn.filter((one) => one.client === client && one.kinds.includes(kind));
      return ours.length === 0 ? [] : [{ kind, client, groups: ours.map(({ group }) => group) }];
    }),
  );
}

/** For people: a line for each run. */
export function describeRuns(runs: readonly Run[]): string {
  return runs
    .map(({ kind, client, groups: ours }) => {
      const on = client === 'chosen' ? kind : `${kind}, with waymark's own client for ZooKeeper`;
      return `${on}: ${ours.map(({ name }) => name).join(', ')}`;
    })
    .join('\n');
}
