/** What the reference says of a key that the schema doesn't. */
export type KeyText = {
  /** One sentence. */
  readonly says: string;
  /** What the value is, where the schema has no more than that it is text. */
  readonly value?: string;
  /** What its number counts. */
  readonly unit?: string;
  /** What holds without it, where the schema has no default, or one that says nothing to people. */
  readonly without?: string;
};

const address = '`HOST:PORT`, or `unix:/PATH`';
const addresses = 'a list of `HOST:PORT`';
const duration = 'a duration';
const file = "a file's path (PEM)";
const secret = 'text';

const zookeeper = (what: string): Readonly<Record<string, KeyText>> => ({
  connect: {
    value: '`HOST:PORT,HOST:PORT,…`, optionally with a `/PATH` at the end',
    says: 'The servers of ZooKeeper, and the path below which everything is kept.',
  },
  root: { value: 'a path', says: `The path below which ${what} of all streams are kept.` },
  auth: { value: 'a section', without: 'no account', says: 'An account in ZooKeeper (digest).' },
  'auth.user': { value: 'text without `:`', says: "The account's name." },
  'auth.password': { value: secret, says: "The account's password." },
});

const tables = (what: string): Readonly<Record<string, KeyText>> => ({
  server: {
    value: address,
    says: `The MySQL or MariaDB server that holds ${what}. Use one outside the pool.`,
  },
  schema: { value: 'a name', says: 'The schema of the table.' },
  user: { value: 'text', without: "the pool's `user`", says: 'A separate account for this table.' },
  password: { value: secret, without: "the pool's `password`", says: "That account's password." },
});

const lease: Readonly<Record<string, KeyText>> = {
  timeout: {
    value: duration,
    says: 'How long a lease lasts. A leader that is gone is replaced after this time.',
  },
  interval: { value: duration, says: 'How often a leader renews its lease.' },
  margin: {
    value: duration,
    says: "How long before `timeout` a leader that can't renew its lease stops by itself.",
  },
};

function below(
  prefix: string,
  ...parts: readonly Readonly<Record<string, KeyText>>[]
): Record<string, KeyText> {
  return Object.fromEntries(
    parts.flatMap((part) => Object.entries(part)).map(([key, text]) => [`${prefix}.${key}`, text]),
  );
}

/**
 * Every key of the config file. A section of several kinds is named with the kind in brackets. The test of the
 * documents fails where a key of the schema is missing here, or a key here is none of the schema's.
 */
export const configKeys: Readonly<Record<string, KeyText>> = {
  stream: {
    value: 'at most 100 letters, digits, `.`, `_` and `-`',
    says: "The stream's name in checkpoints, logs and metrics.",
  },
  servers: {
    value: 'a list of `HOST:PORT`, `unix:/PATH` or [sections](#servers)',
    says: 'The pool: replicas of one source. The source itself may be a member.',
  },
  source: {
    value: address,
    without: 'found through the replicas',
    says: 'The source of the pool. The agent only watches it.',
  },
  discover: {
    value: '`true`, `false` or `{from:, dropAfter:}`',
    without: '`false`',
    says:
      'Whether replicas and cluster members that the servers report [join the pool](operations.md#members-that-join-by-themselves). ' +
      '`{from: dns}`: whether all addresses of the configured host names [are members](operations.md#host-names-with-several-addresses).',
  },
  user: { value: 'text', says: 'The account on every member. `WAYMARK_USER` overrides it.' },
  password: { value: secret, says: "The account's password. `WAYMARK_PASSWORD` overrides it." },
  serverPublicKey: {
    value: file,
    without: 'none',
    says: "The servers' public key, for logins of MySQL accounts without TLS.",
  },
  getServerPublicKey: {
    says: 'Whether to ask the server for its key and trust it. This is safe only on a network that nobody else can tamper with.',
  },
  serverId: {
    without: 'the agent chooses one',
    says: "The agent's id among the replicas of a server. Nothing else may use it.",
  },
  start: {
    value: '`latest`, `earliest`, `{file:, position:}`, `{hint:}`, `{gtid:}` or `{time:}`',
    says: 'Where to begin if there is no checkpoint.',
  },
  anchors: {
    says:
      "By what a place is found on another server: Pseudo-GTID hints, or the servers' GTIDs. " +
      '`auto`: hints, if there are any where the stream begins, else GTIDs. A stream never changes it.',
  },
  unprovedNames: {
    says: "What to do with rows if the names of their columns can't be proved: stop, or call the columns `@1`, `@2`, ….",
  },
  rowImage: {
    says: 'What to do with rows that lack columns: `full` stops at them, `any` delivers them with `"partial": true`.',
  },
  maxStreams: {
    unit: 'streams',
    without: 'no limit',
    says: 'How many streams this agent leads at most.',
  },

  tls: {
    says: 'Encrypts all connections to servers. Without it they are not encrypted. `{}` trusts what the system trusts.',
  },
  ...below('tls', {
    ca: { value: file, without: "the system's", says: 'The certificates to trust.' },
    cert: {
      value: file,
      without: 'none',
      says: "The agent's certificate, if the servers require one. Needs `key`.",
    },
    key: { value: file, without: 'none', says: "The private key of the agent's certificate." },
    verify: {
      says: "Whether to check the server's certificate. `false` encrypts, but doesn't verify the server.",
    },
  }),

  hints: { says: "The form of Pseudo-GTID hints. The defaults are orchestrator's." },
  ...below('hints', {
    schema: { value: 'a name', says: 'The schema in the hints. It need not exist.' },
    prefix: { value: 'the beginning of a name', says: 'The beginning of the name in each hint.' },
  }),

  filter: { says: 'Which tables are delivered. `*` stands for any characters. Names are case-sensitive.' },
  ...below('filter', {
    include: {
      value: 'a list of `SCHEMA.TABLE`',
      says: 'The tables to deliver. Name system tables with accounts in full.',
    },
    exclude: { value: 'a list of `SCHEMA.TABLE`', says: 'The tables to leave out. It overrides `include`.' },
  }),

  columns: { says: 'Columns to keep out of the records.' },
  ...below('columns', {
    exclude: { value: 'a list of `SCHEMA.TABLE.COLUMN`', says: 'The columns to leave out.' },
    hash: {
      value: 'a section',
      without: 'nothing is hashed',
      says: 'Delivers hashes instead of values.',
    },
    'hash.columns': {
      value: 'a list of `SCHEMA.TABLE.COLUMN`',
      says: 'The columns whose values are replaced by an HMAC.',
    },
    'hash.key': { value: 'text of 16 characters or more', says: 'The key of the HMAC.' },
  }),

  records: { says: 'What else records contain.' },
  ...below('records', {
    query: { says: 'Whether records of rows contain the text of the statement, if the log has it.' },
  }),

  shadow: {
    value: '`true`, `false` or `{rotate:}`',
    without: '`false`',
    says:
      'Whether a second server is [read beside the one of the stream](shadow.md), so that a switch needs no search. ' +
      '`{rotate: 10m}`: after that time the next member takes its place.',
  },
  shadowBuffer: {
    value: 'a size, such as `64M`',
    says: 'How much the second server may have ahead. Beyond it, its reading waits.',
  },

  matching: { says: 'How waymark proves a place on another server.' },
  ...below('matching', {
    margin: {
      unit: 'transactions',
      says:
        'How many transactions the trail keeps beyond its last two hints. ' +
        'It must exceed the distance by which the position of a transaction can differ between two servers.',
    },
  }),

  checkpoint: { says: 'Where the agent saves its progress.' },
  ...below('checkpoint(file)', {
    path: { value: "a folder's path", says: 'The folder of the checkpoint, for one agent on this machine.' },
  }),
  ...below('checkpoint(zookeeper)', zookeeper('the checkpoints')),
  ...below('checkpoint(mysql)', tables('the table of checkpoints')),

  election: { says: 'How several agents of a stream decide which one works.' },
  ...below('election(zookeeper)', zookeeper('the elections'), lease),
  ...below('election(mysql)', tables('the table of elections'), lease),

  sink: { says: 'Where the records go.' },
  ...below('sink(file)', {
    path: { value: "a file's path", says: 'The file that records are appended to.' },
  }),

  failover: { says: 'When the stream leaves a server, and where it goes.' },
  ...below('failover', {
    onDivergence: {
      says: 'What to do if the next server lacks what was delivered: stop, or log it and go on.',
    },
    stalledAfter: {
      value: duration,
      says: 'How long replication may stand still or lag on the current server, while another one is ahead, before the stream leaves.',
    },
    cooldown: {
      value: duration,
      says: 'How long after a switch the next one waits, unless it is urgent, and how long a lost server is avoided.',
    },
    restartGrace: {
      value: duration,
      says: 'How long to wait for a server that refuses connections. A MySQL server that says goodbye gets at least 5 s.',
    },
    failbackAfter: {
      value: duration,
      without: 'never',
      says: 'How long a server of higher priority must be healthy before the stream returns to it.',
    },
    avoid: { value: addresses, says: 'The servers to use only if no other can go on.' },
    silentBeside: {
      value: duration,
      says: 'With `shadow`: how long a server may be silent, while its shadow is heard of, before the stream goes over.',
    },
  }),

  http: { says: 'Health, status, metrics and orders over HTTP. Without it the agent does not listen.' },
  ...below('http', {
    listen: { value: '`HOST:PORT`', says: 'The address to listen on.' },
    token: {
      value: 'text of 8 characters or more',
      without: 'no orders are accepted; required if `http.listen` is not on loopback',
      says: 'The token for orders. Beyond loopback, reads need it, too.',
    },
    hosts: {
      value: 'a list of names without ports',
      without: 'this machine on loopback, any name elsewhere',
      says: 'The names that `Host` may contain.',
    },
    metrics: {
      value: '`token` or `open`',
      without: '`token`',
      says: 'Whether `/metrics` needs the token beyond loopback.',
    },
  }),

  log: { says: "The agent's own log, on stderr." },
  ...below('log', { level: { says: 'The lowest level that is logged.' } }),
};
