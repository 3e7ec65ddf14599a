/** What a group of tests is run on, beside the machine's own servers in `npm test`. */
type Spread =
  /** The servers have no part in it, or it says itself which it starts: on these servers alone. */
  | { readonly kind: 'once'; readonly on: string }
  /** What the vendors log differently: on a server of each vendor. */
  | { readonly kind: 'vendors' }
  /** What should be the same on all servers: on those that the commit draws. */
  | { readonly kind: 'drawn' };

/** Tests that are run together, on the same servers. */
export interface Group {
  readonly name: string;
  /** Test files without `.test.ts`, or folders of them, which end in a slash; below `test`. */
  readonly tests: readonly string[];
  readonly spread: Spread;
  /** Whether it is about ZooKeeper: then the client is drawn, too. */
  readonly zookeeper?: true;
  /** Whether it has scenarios that leave open what finds places: then hints or GTIDs are drawn, where there are GTIDs. */
  readonly anchors?: 'either';
}

/** The machine's own MariaDB as child processes, where it has this one. */
const own = { kind: 'once', on: 'mariadb:10.11' } as const;
const vendors = { kind: 'vendors' } as const;
const drawn = { kind: 'drawn' } as const;

/** All tests that start a server, each in one group. */
export const groups: readonly Group[] = [
  {
    name: 'the agent itself',
    spread: own,
    tests: [
      ...[
        'integration/cli-check',
        'integration/docker-agent',
        'integration/library',
        'integration/lost-server',
      ],
      ...['integration/package-install', 'integration/servers', 'integration/sink-file-kill'],
      ...['integration/start-conditions', 'hostile/', 'scenarios/audit-damaged/', 'scenarios/audit-rotated/'],
      ...['scenarios/checkpoint-lost/', 'scenarios/second-agent/', 'scenarios/stopped-anywhere/'],
    ],
  },
  {
    name: 'ZooKeeper',
    spread: own,
    zookeeper: true,
    tests: [
      ...['integration/checkpoint-zookeeper', 'integration/lost-zookeeper', 'integration/zookeeper-client'],
      ...[
        'integration/simulated-zookeeper',
        'integration/zookeeper-session',
        'scenarios/zookeeper-checkpoint/',
      ],
    ],
  },
  {
    name: 'two vendors in a pool',
    spread: { kind: 'once', on: 'mysql:9.7' },
    tests: ['integration/correlate-mixed', 'scenarios/mixed-vendors/', 'scenarios/out-of-order/'],
  },
  { name: 'Galera', spread: own, anchors: 'either', tests: ['scenarios/clusters/galera'] },
  {
    name: 'Group Replication',
    spread: { kind: 'once', on: 'mysql:9.7' },
    anchors: 'either',
    tests: ['scenarios/clusters/group-replication'],
  },
  { name: 'every value', spread: vendors, tests: ['exact/'] },
  {
    name: 'records',
    spread: vendors,
    tests: [
      ...[
        'integration/cascades',
        'integration/records',
        'integration/row-decoder',
        'integration/server-texts',
      ],
      ...['integration/statements'],
    ],
  },
  {
    name: 'transactions',
    spread: vendors,
    anchors: 'either',
    tests: [
      ...['integration/dump-stream', 'integration/rolled-back', 'integration/session-settings'],
      ...[
        'integration/transactions',
        'scenarios/compressed-transactions/',
        'scenarios/repeated-transaction/',
      ],
      ...['scenarios/rolled-back/', 'scenarios/session-settings/', 'scenarios/xa/'],
    ],
  },
  {
    name: 'places',
    spread: vendors,
    tests: [
      ...[
        'integration/correlate',
        'integration/first-trail',
        'integration/gtid-anchors',
        'integration/locate',
        'integration/names-after-ddl',
      ],
      ...[
        'integration/replica-place',
        'integration/resume',
        'scenarios/diverged/',
        'scenarios/gtid-anchors/',
        'scenarios/names-after-ddl/',
        'scenarios/rare-hints/',
      ],
    ],
  },
  {
    name: 'deaths',
    spread: drawn,
    anchors: 'either',
    tests: [
      ...['scenarios/agent-and-replica-killed/', 'scenarios/agent-killed/', 'scenarios/back-and-forth/'],
      ...[
        'scenarios/discovered-members/',
        'scenarios/dns-members/',
        'scenarios/frozen-replica/',
        'scenarios/look-up-lost/',
        'scenarios/random-faults/',
      ],
      ...[
        'scenarios/replica-killed/',
        'scenarios/replica-killed-mid-transaction/',
        'scenarios/several-streams/',
      ],
      ...['scenarios/shadow/', 'scenarios/slow-sink/', 'scenarios/source-in-pool/'],
    ],
  },
  {
    name: 'candidates',
    spread: drawn,
    anchors: 'either',
    tests: [
      ...[
        'scenarios/candidate-lags/',
        'scenarios/candidate-own-transactions/',
        'scenarios/candidate-rotated/',
      ],
      ...['scenarios/multi-source/', 'scenarios/no-hints/', 'scenarios/other-event-sizes/'],
      'scenarios/promoted-and-demoted/',
      ...['scenarios/same-file-name-other-server/'],
      ...['scenarios/unfit-members/', 'scenarios/unreadable-content/'],
    ],
  },
  { name: 'diagnosis', spread: drawn, anchors: 'either', tests: ['scenarios/diagnosis/'] },
  {
    name: 'elections',
    spread: drawn,
    zookeeper: true,
    tests: [
      ...['integration/checkpoint-contract', 'integration/election', 'integration/election-row'],
      ...['integration/fencing', 'scenarios/election/'],
    ],
  },
  {
    name: 'moving replicas',
    spread: drawn,
    tests: [
      ...[
        'integration/binlog-server',
        'integration/repoint',
        'integration/topology',
        'scenarios/binlog-server/',
      ],
      ...['scenarios/injector-follows-source/', 'scenarios/regroup-dead-intermediate/'],
      'scenarios/regroup-dead-source/',
      ...['scenarios/repoint-back-and-forth/'],
    ],
  },
  {
    name: 'commands',
    spread: drawn,
    tests: [
      ...['integration/cli-find', 'integration/cli-leader', 'integration/cli-run', 'integration/control'],
      ...['integration/inject', 'integration/login', 'integration/preflight', 'integration/quick-start'],
    ],
  },
  {
    name: 'zongji',
    spread: drawn,
    tests: [
      ...['integration/zongji', 'integration/zongji-interface', 'integration/zongji-pool'],
      ...['integration/zongji-suite'],
    ],
  },
];

/** Whether an entry of a list of tests means this test file; its path begins with `test/`. */
export function means(entry: string, file: string): boolean {
  return entry.endsWith('/') ? file.startsWith(`test/${entry}`) : file === `test/${entry}.test.ts`;
}

/** Those of the test files that are in a group. */
export function filesOf(group: Group, files: readonly string[]): string[] {
  return files.filter((file) => group.tests.some((entry) => means(entry, file)));
}
