import { readFile } from 'node:fs/promises';
import { inspect } from 'node:util';

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { stringify } from 'yaml';

import { expandVariables } from '../../../src/config/expand.js';
import { type ConfigOverrides, loadConfig, parseConfig } from '../../../src/config/load.js';
import { Secret } from '../../../src/config/secret.js';
import { WaymarkError, hasCode } from '../../../src/util/errors.js';

const minimal = `
stream: shop-audit
servers: [127.0.0.1:3402]
user: waymark
password: geheim
checkpoint: {store: file, path: ./state}
`;

function parse(text: string, env: Record<string, string> = {}, overrides: ConfigOverrides = {}) {
  return parseConfig(text, 'w.yaml', env, overrides);
}

function problemOf(text: string, env: Record<string, string> = {}): string {
  try {
    parse(text, env);
  } catch (error) {
    if (!hasCode(error, 'config')) throw error;
    return error.message;
  }
  throw new Error('no problem found');
}

describe('the examples', () => {
  const env = { WAYMARK_PASSWORD: 'geheim' };

  test('with a file store', async () => {
    const config = await loadConfig('config/file-store.example.yaml', env);
    expect(config).toMatchObject({
      stream: 'shop-audit',
      servers: [
        { address: { host: 'db1.example.com', port: 3306 }, priority: 0 },
        { address: { host: 'db2.example.com', port: 3306 }, priority: 0 },
        { address: { host: '2001:db8::3', port: 3306 }, priority: 10 },
      ],
      filter: { include: ['shop.*'], exclude: [] },
      checkpoint: { store: 'file', path: './state' },
      sink: { type: 'file', path: './audit.ndjson' },
    });
    expect(config.password.reveal()).toBe('geheim');
    expect(config.http).toBeUndefined();
  });

  test('with ZooKeeper', async () => {
    const config = await loadConfig('config/zookeeper.example.yaml', env);
    expect(config).toMatchObject({
      checkpoint: { store: 'zookeeper', root: '/waymark' },
      sink: { type: 'stdout' },
      http: { listen: { host: '127.0.0.1', port: 9464 } },
    });
  });

  test('with MySQL', async () => {
    const config = await loadConfig('config/mysql.example.yaml', env);
    const server = { host: 'db9.example.com', port: 3306 };
    expect(config.checkpoint).toEqual({ store: 'mysql', server, schema: 'waymark' });
    expect(config.election).toEqual({
      ...{
        backend: 'mysql',
        server,
        schema: 'waymark',
        timeoutMs: 5_000,
        intervalMs: 1_000,
        marginMs: 1_000,
      },
    });
  });

  test.each(['file-store', 'zookeeper', 'mysql'])('%s shows defaults that are true', async (name) => {
    const path = `config/${name}.example.yaml`;
    const text = await readFile(path, 'utf8');
    const optional =
      /^( *)# ?( *(?:tls|ca|cert|key|verify|serverId|hints|schema|prefix|start|filter|include|exclude|matching|margin|election|backend|timeout|interval|failover|onDivergence|stalledAfter|cooldown|restartGrace|failbackAfter|avoid|source|http|listen|token|log|level):)/gm;
    const shown = parseConfig(text.replace(optional, '$1$2'), path, { ...env, WAYMARK_TOKEN: '12345678' });
    const loaded = parseConfig(text, path, env);
    const exclude = name === 'file-store' ? ['shop.sessions', 'shop.tmp_*'] : [];
    expect(shown).toEqual({
      ...loaded,
      serverId: 4200,
      source: { host: 'db0.example.com', port: 3306 },
      failover: {
        ...loaded.failover,
        failbackAfterMs: 600_000,
        avoid: [{ host: 'db3.example.com', port: 3306 }],
      },
      tls: expect.objectContaining({ verify: true }) as unknown,
      http: { listen: { host: '127.0.0.1', port: 9464 }, token: expect.any(Secret) as Secret },
      filter: { ...loaded.filter, exclude },
    });
  });
});

describe('values', () => {
  test('what is left out has its default', () => {
    const { password, ...config } = parse(minimal);
    expect(password.reveal()).toBe('geheim');
    expect(config).toEqual({
      stream: 'shop-audit',
      servers: [{ address: { host: '127.0.0.1', port: 3402 }, priority: 0 }],
      discover: null,
      user: 'waymark',
      getServerPublicKey: false,
      hints: { schema: 'meta', prefix: '_pseudo_gtid_hint__' },
      start: { at: 'latest' },
      anchors: 'auto',
      unprovedNames: 'halt',
      filter: { include: ['*.*'], exclude: [] },
      columns: { exclude: [] },
      records: { query: false },
      rowImage: 'full',
      shadow: null,
      shadowBuffer: 64 * 1024 * 1024,
      matching: { margin: 1024 },
      checkpoint: { store: 'file', path: './state' },
      election: { backend: 'none' },
      sink: { type: 'stdout' },
      maxStreams: 1_000_000,
      failover: {
        onDivergence: 'halt',
        stalledAfterMs: 60_000,
        cooldownMs: 30_000,
        restartGraceMs: 0,
        failbackAfterMs: null,
        avoid: [],
        silentBesideMs: 300,
      },
      log: { level: 'info' },
    });
  });

  test.each([
    ['latest', { at: 'latest' }],
    ['earliest', { at: 'earliest' }],
    ['{file: mysql-bin.000018, position: 4}', { at: 'coordinates', file: 'mysql-bin.000018', position: 4 }],
    ['{hint: "asc:1"}', { at: 'hint', hint: 'asc:1' }],
  ])('start: %s', (text, start) => {
    expect(parse(`${minimal}start: ${text}`).start).toEqual(start);
  });

  test.each([
    ['true', { from: 'replicas', dropAfterMs: 600_000 }],
    ['false', null],
    ['{}', { from: 'replicas', dropAfterMs: 600_000 }],
    ['{dropAfter: 1h}', { from: 'replicas', dropAfterMs: 3_600_000 }],
    ['{from: dns}', { from: 'dns', dropAfterMs: 600_000 }],
  ])('discover: %s', (text, discover) => {
    expect(parse(`${minimal}discover: ${text}`).discover).toEqual(discover);
  });

  test.each([
    ['true', { rotateMs: null }],
    ['false', null],
    ['{rotate: 10m}', { rotateMs: 600_000 }],
  ])('shadow: %s', (text, shadow) => {
    expect(parse(`${minimal}shadow: ${text}`).shadow).toEqual(shadow);
  });

  test.each([
    ['512K', 512 * 1024],
    ['64M', 64 * 1024 ** 2],
    ['2g', 2 * 1024 ** 3],
  ])('shadowBuffer: %s', (text, bytes) => {
    expect(parse(`${minimal}shadowBuffer: ${text}`).shadowBuffer).toBe(bytes);
  });

  test.each(['64', '0M', '64 MB', 'much'])('shadowBuffer: %s', (text) => {
    expect(() => parse(`${minimal}shadowBuffer: ${text}`)).toThrow(/shadowBuffer.* size/s);
  });

  test('numbers and booleans may come out of the environment', () => {
    const text = `${minimal}serverId: \${ID}\ntls: {ca: ca.pem, verify: "\${CHECK}"}`;
    expect(parse(text, { ID: '42', CHECK: 'false' })).toMatchObject({
      serverId: 42,
      tls: { ca: 'ca.pem', verify: false },
    });
  });

  test('what wins: file < environment < overrides', () => {
    const env = { WAYMARK_USER: 'env', WAYMARK_PASSWORD: '${not expanded}' };
    expect(parse(minimal, env)).toMatchObject({ user: 'env' });
    expect(parse(minimal, env).password.reveal()).toBe('${not expanded}');
    const overridden = parse(minimal, env, {
      user: 'flag',
      'log.level': 'debug',
      'failover.cooldown': undefined,
    });
    expect(overridden).toMatchObject({ user: 'flag', log: { level: 'debug' } });
  });

  test('an empty variable changes nothing, unless nothing else is said', () => {
    expect(parse(minimal, { WAYMARK_PASSWORD: '' }).password.reveal()).toBe('geheim');
    expect(parse(minimal.replace(/password.*/, ''), { WAYMARK_PASSWORD: '' }).password.reveal()).toBe('');
  });

  test('a missing variable does not matter where another value wins', () => {
    const text = minimal.replace('geheim', '${NO_SUCH}');
    expect(parse(text, { WAYMARK_PASSWORD: 'p' }).password.reveal()).toBe('p');
  });

  test('the password does not show', () => {
    const config = parse(minimal);
    expect(inspect(config, { depth: null }) + JSON.stringify(config)).not.toContain('geheim');
  });
});

describe('problems', () => {
  test('all of them at once, each with its key', async () => {
    const text = `
stream: /shop
servers: ["db1:3306", "::1", {address: db2, prio: 1}]
user: waymark
password: \${NO_SUCH}
checkpont: {store: file}
checkpoint: {store: fil, path: x}
failover: {cooldown: 30}
sink: {type: file, pth: x}
log: {level: inof}
`;
    const error = await Promise.resolve()
      .then(() => parse(text))
      .catch((e: unknown) => e);
    if (!hasCode(error, 'config')) throw error;
    const [first, ...problems] = error.message.split('\n  - ');
    expect(first).toBe('w.yaml: 10 problems');
    expect(problems).toEqual([
      'password: the environment variable NO_SUCH is not set',
      'stream: must be a name of letters, digits, ".", "_" and "-"',
      expect.stringMatching(/^servers\[1\]: "::1" is not an address \(an IPv6/),
      'servers[2]: unknown key "prio": known are address, priority, kind',
      'checkpoint.store: must be one of file, zookeeper, mysql, not "fil" (did you mean "file"?)',
      'sink.path: is missing: it must be the file to append to',
      'sink: unknown key "pth": did you mean "path"?',
      expect.stringMatching(/^failover.cooldown: must be a duration with its unit/),
      'log.level: must be one of trace, debug, info, warn, error, fatal, silent, not "inof" (did you mean "info"?)',
      'unknown key "checkpont": did you mean "checkpoint"?',
    ]);
    expect(error.details['problems']).toContainEqual({
      key: 'servers[2]',
      message: 'unknown key "prio": known are address, priority, kind',
    });
  });

  test.each([
    ['stream: a', 'servers: is missing: it must be a list of servers'],
    ['stream: a', 'password: is missing: write it, or set WAYMARK_PASSWORD'],
    ['', 'stream: is missing'],
    ['- a', 'w.yaml: must be keys with values'],
    ['hello', 'w.yaml: must be keys with values'],
    [`${minimal}tls: {ca: a, cert: b}`, 'tls.key: is missing: "cert" needs it'],
    [
      `${minimal}start: latst`,
      'start: must be one of latest, earliest, not "latst" (did you mean "latest"?)',
    ],
    [`${minimal}start: {file: a/b, position: 4}`, 'start.file: must be the name of a binary log'],
    [`${minimal}start: {file: a, position: 3}`, 'start.position: must be a whole number from 4'],
    [`${minimal}start: {file: a}`, 'start.position: is missing'],
    [`${minimal}start: {hnt: a}`, 'start: unknown key "hnt"'],
    [`${minimal}discover: maybe`, 'discover: must be true or false'],
    [
      `${minimal}discover: {from: dsn}`,
      'discover.from: must be one of replicas, dns, not "dsn" (did you mean',
    ],
    [`${minimal}discover: {dropAfter: 5}`, 'discover.dropAfter: must be a duration with its unit'],
    [`${minimal}shadow: often`, 'shadow: must be true or false'],
    [`${minimal}shadow: {}`, 'shadow.rotate: is missing'],
    [`${minimal}shadow: {rotate: 0s}`, 'shadow.rotate: is too short: at least 1s'],
    [`${minimal}election: {backend: zookeeper}`, 'election.connect: is missing: it must be HOST:PORT,'],
    [
      `${minimal}election: {backend: mysql, server: db, timeout: 3s}`,
      'election.timeout: is too short: it must be at least "margin" plus three times "interval"',
    ],
    [
      `${minimal}election: {backend: mysql, server: db, margin: 0s}`,
      'election.margin: must be longer than 0',
    ],
    [`${minimal}election: zookeeper`, 'election: must be a section that begins with "backend: none"'],
    [`${minimal}filter: {include: [shop]}`, 'filter.include[0]: must be SCHEMA.TABLE'],
    [`${minimal}filter: {include: []}`, 'filter.include: is empty'],
    [`${minimal}filter: shop.*`, 'filter: must be a section with the keys include, exclude'],
    [`${minimal}failover: {cooldown: 30d}`, 'failover.cooldown: "30d" is not a duration'],
    [`${minimal}matching: {margin: 0}`, 'matching.margin: must be a whole number from 1 to 8192'],
    [`${minimal}serverId: 1.5`, 'serverId: must be a whole number'],
    [`${minimal}http: {listen: 9464}`, 'http.listen: must be HOST:PORT'],
    [`${minimal}http:`, 'http: must be a section with the keys listen, token'],
    [`${minimal}http: {listen: '127.0.0.1:9464', token: short}`, 'http.token: is too short'],
    [`${minimal}http: {listen: '127.0.0.1:9464', token: 12345678}`, 'http.token: must be text'],
    [
      `${minimal}http: {listen: '0.0.0.0:9464'}`,
      'http.token: is missing: other machines can reach 0.0.0.0:9464',
    ],
    [`${minimal}http: {listen: 'audit.example.com:9464', metrics: open}`, 'http.token: is missing'],
    [minimal.replace('geheim', '12345'), 'password: must be text: put it in quotes'],
    [minimal.replace('[127.0.0.1:3402]', '[DB1, "db1:3306"]'), 'servers[1]: db1:3306 is already in the list'],
    [minimal.replace('[127.0.0.1:3402]', '[]'), 'servers: is empty'],
    [minimal.replace('[127.0.0.1:3402]', 'db1:3306'), 'servers: must be a list of servers'],
    [minimal.replace('./state', '"${}"'), 'checkpoint.path: "${" must be followed by the name'],
    [
      minimal.replace('store: file, path: ./state', 'store: zookeeper, connect: "h:2181//x"'),
      'checkpoint.connect',
    ],
    [minimal.replace('store: file, path: ./state', 'path: ./state'), 'checkpoint.store: is missing'],
  ])('%# %s', (text, message) => {
    expect(problemOf(text)).toContain(message);
  });

  test('a syntax error has its line and column, and never shows a password', () => {
    expect(problemOf('stream: a\nservers: [a, b\nuser: b\n')).toMatch(/^w\.yaml:\d+:\d+: not valid YAML: /);
    for (const text of [
      'password: "geheim',
      'password: @geheim',
      'password: !geheim x',
      'password: *geheim',
    ]) {
      expect(problemOf(`stream: a\n${text}\n`)).not.toContain('geheim');
    }
    expect(problemOf('stream: a\nstream: b\n')).toMatch(/^w\.yaml:2:1: .*unique/);
  });

  test('a file that cannot be read', async () => {
    await expect(loadConfig('no/such.yaml', {})).rejects.toThrow(
      'cannot read the config file no/such.yaml: ENOENT',
    );
  });

  test('whatever stands in the file, it is a config or a config error', () => {
    const keys = [
      'stream',
      'servers',
      'user',
      'password',
      'checkpoint',
      'sink',
      'start',
      'filter',
      'log',
      'tls',
    ];
    const section = fc.dictionary(fc.oneof(fc.constantFrom(...keys), fc.string()), fc.jsonValue());
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          section.map((value) => stringify(value)),
        ),
        (text) => {
          try {
            parse(text);
          } catch (error) {
            expect(error).toBeInstanceOf(WaymarkError);
            expect(hasCode(error, 'config')).toBe(true);
          }
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe('expandVariables', () => {
  test('leaves everything but ${NAME} as it is', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        fc.pre(!JSON.stringify(value).includes('${'));
        const plain: unknown = JSON.parse(JSON.stringify(value));
        expect(expandVariables(plain, {})).toEqual({ value: plain, problems: [] });
      }),
    );
  });

  test('escaped text comes back, and values are not expanded again', () => {
    const env = { NAME: '${NAME} $${' };
    expect(expandVariables(['$${NAME}', 'a${NAME}b', '$$', '$x'], env)).toEqual({
      value: ['${NAME}', 'a${NAME} $${b', '$$', '$x'],
      problems: [],
    });
    fc.assert(
      fc.property(fc.string(), (text) => {
        const escaped = text.replaceAll('${', () => '$${');
        fc.pre(!text.includes('$${'));
        expect(expandVariables(escaped, {}).value).toBe(text);
      }),
    );
  });
});
