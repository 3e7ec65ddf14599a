import { z } from 'zod';

import { type Address, formatAddress, isLoopback, parseAddress, parseListenAddress } from './address.js';
import {
  chosen,
  duration,
  kinds,
  oneOf,
  parsed,
  section,
  size,
  text,
  textLike,
  wholeNumber,
  yesOrNo,
} from './fields.js';
import { isGtid } from './gtid.js';
import { isColumnPattern } from './column-rules.js';
import { Secret } from './secret.js';
import { isTablePattern } from './table-filter.js';
import { parseZooKeeperAddress } from './zookeeper-address.js';

/** One member of the pool. */
type ServerConfig = {
  readonly address: Address;
  /** Among equally suitable members the one with the highest number is preferred; 0 unless configured. */
  readonly priority: number;
  /** Its kind, if waymark can't detect it. */
  readonly kind?: 'server' | 'binlog-server' | undefined;
};

/** Where to begin when there is no checkpoint yet. */
export type StartConfig =
  | { readonly at: 'latest' }
  | { readonly at: 'earliest' }
  | { readonly at: 'coordinates'; readonly file: string; readonly position: number }
  | { readonly at: 'hint'; readonly hint: string }
  /** Behind the transaction with this GTID. */
  | { readonly at: 'gtid'; readonly gtid: string }
  /** At the first transaction that was written then or later, in milliseconds since 1970. */
  | { readonly at: 'time'; readonly timeMs: number };

/** What anchors a stream that begins. `auto`: hints if there are any, else GTIDs if the servers have them. */
export type AnchorsConfig = 'auto' | 'hints' | 'gtid';

const address = parsed(
  'HOST:PORT, for example db1.example.com:3306 or [::1]:3306, or unix:/PATH',
  parseAddress,
);

const server = chosen<ServerConfig>((input) =>
  typeof input === 'object' && input !== null
    ? section({
        address,
        priority: wholeNumber(0, 1_000_000).default(0),
        kind: oneOf(['server', 'binlog-server']).optional(),
      })
    : address.transform((value) => ({ address: value, priority: 0 })),
);

const servers = z
  .array(server, {
    error: ({ input }) =>
      `${input === undefined ? 'is missing: it' : ''} must be a list of servers, for example [db1:3306, db2:3306]`.trim(),
  })
  .min(1, { error: 'is empty: at least one server is needed, two or more to fail over' })
  .superRefine((list, context) => {
    const first = new Map<string, number>();
    for (const [index, member] of list.entries()) {
      const name = formatAddress(member.address);
      const earlier = first.get(name);
      if (earlier === undefined) first.set(name, index);
      else {
        const message = `${name} is already in the list, as servers[${String(earlier)}]`;
        context.addIssue({ code: 'custom', path: [index], message });
      }
    }
  });

/** Whether members are found beside the configured ones. Null: they aren't. */
type DiscoverConfig = {
  /** `replicas`: by what servers report. `dns`: by the addresses that the configured host names have. */
  readonly from: 'replicas' | 'dns';
  /** How long a discovered member may be gone before it leaves the pool. */
  readonly dropAfterMs: number;
} | null;

const discoverSection = section({
  from: oneOf(['replicas', 'dns']).default('replicas'),
  dropAfter: duration().default(600_000),
}).transform(({ from, dropAfter }): DiscoverConfig => ({ from, dropAfterMs: dropAfter }));
const discoverSwitch = yesOrNo().transform((on): DiscoverConfig => (on ? discoverSection.parse({}) : null));

const discover = chosen<DiscoverConfig>((input) =>
  typeof input === 'object' && input !== null ? discoverSection : discoverSwitch,
);

/** How a second server is read beside the one of the stream. Null: none is. */
type ShadowConfig = {
  /** After so long, the next member takes its place. Null: it stays. */
  readonly rotateMs: number | null;
} | null;

/** A place on the next member has to be proved meanwhile. */
const shortestRotationMs = 1000;

const shadowSection = section({
  rotate: duration().refine((ms) => ms >= shortestRotationMs, { error: 'is too short: at least 1s' }),
}).transform(({ rotate }): ShadowConfig => ({ rotateMs: rotate }));
const shadowSwitch = yesOrNo().transform((on): ShadowConfig => (on ? { rotateMs: null } : null));

const shadow = chosen<ShadowConfig>((input) =>
  typeof input === 'object' && input !== null ? shadowSection : shadowSwitch,
);

const tls = section({
  ca: text('the path of a file with the certificates to trust (PEM)').optional(),
  cert: text('the path of our certificate (PEM)').optional(),
  key: text("the path of our certificate's key (PEM)").optional(),
  verify: yesOrNo().default(true),
}).superRefine(({ cert, key }, context) => {
  if ((cert === undefined) === (key === undefined)) return;
  const [missing, present] = cert === undefined ? ['cert', 'key'] : ['key', 'cert'];
  context.addIssue({ code: 'custom', path: [missing], message: `is missing: "${present}" needs it` });
});

const identifier = /^[\w$]{1,64}$/;

const startWord = oneOf(['latest', 'earliest']).transform((at) => ({ at }));
const startCoordinates = section({
  file: textLike(
    /^[^:/\\\s]+$/,
    'the name of a binary log, without its folder, for example mysql-bin.000018',
  ),
  position: wholeNumber(4, Number.MAX_SAFE_INTEGER),
}).transform((coordinates) => ({ at: 'coordinates' as const, ...coordinates }));
const startHint = section({ hint: text('a hint, or its whole statement') }).transform(({ hint }) => ({
  at: 'hint' as const,
  hint,
}));

const startGtid = section({
  gtid: text('one GTID')
    .refine(isGtid, { error: 'must be one GTID: UUID:NUMBER on MySQL, DOMAIN-SERVER-NUMBER on MariaDB' })
    .transform((gtid) => gtid.toLowerCase()),
}).transform(({ gtid }) => ({ at: 'gtid' as const, gtid }));
const startTime = section({
  time: textLike(
    /^\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d)$/,
    'a time with its offset, for example 2026-11-30T09:00:00Z',
  )
    .transform((text) => Date.parse(text))
    .refine((timeMs) => !Number.isNaN(timeMs), { error: 'is no time' }),
}).transform(({ time }) => ({ at: 'time' as const, timeMs: time }));

const start = chosen<StartConfig>((input) => {
  if (typeof input !== 'object' || input === null) return startWord;
  if ('file' in input) return startCoordinates;
  if ('gtid' in input) return startGtid;
  if ('time' in input) return startTime;
  return 'hint' in input ? startHint : startCoordinates;
});

const pattern = text('a pattern SCHEMA.TABLE').refine(isTablePattern, {
  error: 'must be SCHEMA.TABLE, with * for any characters, for example shop.* (a dot inside a name: write *)',
});
const patterns = z.array(pattern, { error: 'must be a list of patterns SCHEMA.TABLE, for example [shop.*]' });

const columnPattern = text('a pattern SCHEMA.TABLE.COLUMN').refine(isColumnPattern, {
  error:
    'must be SCHEMA.TABLE.COLUMN, with * for any characters, for example shop.users.password (a dot inside a name: write *)',
});
const columnPatterns = z.array(columnPattern, {
  error: 'must be a list of patterns SCHEMA.TABLE.COLUMN, for example [shop.users.password]',
});

const secret = (missing: string) =>
  z
    .string({ error: ({ input }) => (input === undefined ? missing : 'must be text: put it in quotes') })
    .transform((value) => new Secret(value));

/** The connection to ZooKeeper. */
const zookeeper = {
  connect: parsed(
    'HOST:PORT,HOST:PORT,… with an optional /PATH at the end, for example "zk1:2181,zk2:2181,zk3:2181/audit"',
    (connect) => {
      parseZooKeeperAddress(connect);
      return connect;
    },
  ),
  root: textLike(/^(?:\/[\w.-]+)+$/, 'a path such as /waymark').default('/waymark'),
  auth: section({
    user: textLike(/^[^:\s]+$/, 'the name of the account in ZooKeeper, without ":"'),
    password: secret('is missing: it must be the password of the account in ZooKeeper'),
  }).optional(),
};

/** A server for our own tables; it needs no binary log. */
const tables = {
  server: address,
  schema: textLike(identifier, 'the name of a schema: letters, digits, "_" and "$"').default('waymark'),
  user: text('the name of the account there').optional(),
  password: secret('is missing').optional(),
};

const checkpoint = kinds(
  'store',
  ['file', 'zookeeper', 'mysql'],
  [
    section({ store: z.literal('file'), path: text('the folder to keep the checkpoint in') }),
    section({ store: z.literal('zookeeper'), ...zookeeper }),
    section({ store: z.literal('mysql'), ...tables }),
  ],
);

/** A lease: how long it lasts, how much sooner its holder stops. */
const lease = (timeout: number, margin: number) => ({
  timeout: duration().default(timeout),
  interval: duration().default(1_000),
  margin: duration().default(margin),
});

type Lease = { readonly timeout: number; readonly interval: number; readonly margin: number };

const inTimes = <Given extends Lease>({ timeout, interval, margin, ...rest }: Given) => ({
  ...rest,
  timeoutMs: timeout,
  intervalMs: interval,
  marginMs: margin,
});

function checkLease({ timeout, interval, margin }: Lease, context: z.RefinementCtx): void {
  const complain = (key: keyof Lease, message: string): void => {
    context.addIssue({ code: 'custom', path: [key], message });
  };
  if (interval < 1) complain('interval', 'must be longer than 0');
  if (margin < 1) complain('margin', 'must be longer than 0');
  // Two failed attempts to renew must not end the lease.
  if (3 * interval + margin > timeout) {
    complain('timeout', 'is too short: it must be at least "margin" plus three times "interval"');
  }
}

const election = kinds(
  'backend',
  ['none', 'zookeeper', 'mysql'],
  [
    section({ backend: z.literal('none') }),
    section({ backend: z.literal('zookeeper'), ...zookeeper, ...lease(10_000, 2_000) })
      .superRefine(checkLease)
      .transform(inTimes),
    section({ backend: z.literal('mysql'), ...tables, ...lease(5_000, 1_000) })
      .superRefine(checkLease)
      .transform(inTimes),
  ],
);

const sink = kinds(
  'type',
  ['stdout', 'file'],
  [
    section({ type: z.literal('stdout') }),
    section({ type: z.literal('file'), path: text('the file to append to') }),
  ],
);

const failover = section({
  onDivergence: oneOf(['halt', 'continue']).default('halt'),
  stalledAfter: duration().default(60_000),
  cooldown: duration().default(30_000),
  restartGrace: duration().default(0),
  failbackAfter: duration().optional(),
  avoid: z.array(address, { error: 'must be a list of servers, for example [db3:3306]' }).default([]),
  silentBeside: duration().default(300),
}).transform(
  ({ onDivergence, stalledAfter, cooldown, restartGrace, failbackAfter, avoid, silentBeside }) => ({
    onDivergence,
    stalledAfterMs: stalledAfter,
    cooldownMs: cooldown,
    restartGraceMs: restartGrace,
    failbackAfterMs: failbackAfter ?? null,
    avoid,
    silentBesideMs: silentBeside,
  }),
);

/** The minimum length of the key. With a shorter one, somebody who knows values could try all keys. */
const shortestKey = 16;

/** The schema of the config file: the input is what was written, the output is what the agent works with. */
export const configSchema = section({
  stream: textLike(/^[A-Za-z0-9][\w.-]{0,99}$/, 'a name of letters, digits, ".", "_" and "-"'),
  servers,
  source: address.optional(),
  discover: discover.prefault(false),
  user: text('the name of the account (or set WAYMARK_USER)'),
  password: secret('is missing: write it, or set WAYMARK_PASSWORD (an account without one: "")'),
  tls: tls.optional(),
  serverPublicKey: text("the path of a file with the servers' public key (PEM)").optional(),
  getServerPublicKey: yesOrNo().default(false),
  serverId: wholeNumber(1, 4_294_967_295).optional(),
  hints: section({
    schema: textLike(identifier, 'the name of a schema: letters, digits, "_" and "$"').default('meta'),
    prefix: textLike(identifier, 'the beginning of a name: letters, digits, "_" and "$"').default(
      '_pseudo_gtid_hint__',
    ),
  }).prefault({}),
  start: start.prefault('latest'),
  anchors: oneOf(['auto', 'hints', 'gtid']).default('auto'),
  filter: section({
    include: patterns
      .min(1, { error: 'is empty: nothing would be delivered. Leave it out to deliver all tables' })
      .default(['*.*']),
    exclude: patterns.default([]),
  }).prefault({}),
  unprovedNames: oneOf(['halt', 'number']).default('halt'),
  columns: section({
    exclude: columnPatterns.default([]),
    hash: section({
      columns: columnPatterns.min(1, { error: 'is empty: leave "hash" out' }),
      key: secret('is missing: the hashes need a secret text as their key').refine(
        (key) => key.reveal().length >= shortestKey,
        { error: `is too short: at least ${String(shortestKey)} characters` },
      ),
    }).optional(),
  }).prefault({}),
  records: section({ query: yesOrNo().default(false) }).prefault({}),
  rowImage: oneOf(['full', 'any']).default('full'),
  shadow: shadow.prefault(false),
  shadowBuffer: size().default(64 * 1024 * 1024),
  matching: section({ margin: wholeNumber(1, 8_192).default(1_024) }).prefault({}),
  checkpoint,
  election: election.default({ backend: 'none' }),
  sink: sink.default({ type: 'stdout' }),
  maxStreams: wholeNumber(1, 1_000_000).default(1_000_000),
  failover: failover.prefault({}),
  http: section({
    listen: parsed('HOST:PORT to listen on, for example 127.0.0.1:9464', parseListenAddress),
    token: z
      .string({ error: 'must be text: put it in quotes' })
      .min(8, { error: 'is too short: at least 8 characters' })
      .transform((value) => new Secret(value))
      .optional(),
    hosts: z
      .array(
        textLike(/^[a-z0-9_.:[\]-]+$/i, 'a name without its port').transform((name) => name.toLowerCase()),
        {
          error: 'must be a list of names, for example [audit.example.com]',
        },
      )
      .optional(),
    metrics: oneOf(['token', 'open']).optional(),
  })
    .superRefine(({ listen, token }, context) => {
      if (token !== undefined || isLoopback(listen.host)) return;
      const where = formatAddress(listen);
      const message = `is missing: other machines can reach ${where}, and must show the token to read the agent's state`;
      context.addIssue({ code: 'custom', path: ['token'], message });
    })
    .optional(),
  log: section({
    level: oneOf(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']).default('info'),
  }).prefault({}),
});

/** The configuration of an agent. Durations are milliseconds (`…Ms`); paths are relative to the working directory. */
export type Config = z.output<typeof configSchema>;

/** Which checkpoint store, and where. */
export type CheckpointConfig = Config['checkpoint'];

/** Who may work on a stream. */
export type ElectionConfig = Config['election'];

/** How connections are encrypted: files to read, and whether the server's certificate is checked. */
export type TlsConfig = NonNullable<Config['tls']>;
