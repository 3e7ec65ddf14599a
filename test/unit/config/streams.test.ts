import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { loadConfig, loadConfigs, parseConfigs } from '../../../src/config/load.js';
import { hasCode } from '../../../src/util/errors.js';

const shared = `
servers: [db1, db2]
user: waymark
password: geheim
checkpoint: {store: file, path: ./state}
election: {backend: zookeeper, connect: "zk1:2181"}
maxStreams: 200
`;

function parse(text: string, env: Record<string, string> = {}) {
  return parseConfigs(text, 'w.yaml', env);
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

describe('a list of streams', () => {
  test('what stands outside holds for all, unless a stream has it itself', () => {
    const [one, two] = parse(`${shared}
streams:
  - {stream: one, sink: {type: file, path: one.ndjson}}
  - {stream: two, servers: [db3], sink: {type: file, path: two.ndjson}}
`);
    expect(one).toMatchObject({ stream: 'one', sink: { path: 'one.ndjson' }, maxStreams: 200 });
    expect(one.servers).toHaveLength(2);
    expect(two).toMatchObject({ stream: 'two', election: { backend: 'zookeeper' } });
    expect(two?.servers).toHaveLength(1);
  });

  test('a file without it is one stream', () => {
    expect(parse(`stream: one\n${shared}`)).toHaveLength(1);
  });

  test('the environment fills in where it is asked for', () => {
    const [one, two] = parse(
      `${shared.replace('geheim', '${ONE}')}
streams: [{stream: one}, {stream: two, password: "\${TWO}"}]`,
      { ONE: 'eins', TWO: 'zwei' },
    );
    expect([one.password.reveal(), two?.password.reveal()]).toEqual(['eins', 'zwei']);
    const text = `${shared.replace('geheim', '${ONE}')}
streams: [{stream: one, password: ""}, {stream: two, password: ""}]`;
    expect(parse(text)).toHaveLength(2);
  });

  test.each([
    [
      'each problem at its place',
      'streams: [{stream: one}, {stream: two, servers: []}]',
      'streams[1].servers: is empty',
    ],
    [
      'what is wrong for all once',
      'filter: {include: []}\nstreams: [{stream: one}, {stream: two}]',
      'w.yaml: filter.include: is empty',
    ],
    ['a stream without a name', 'streams: [{servers: [db1]}]', 'streams[0].stream: is missing'],
    ['no stream at all', 'streams: []', 'streams: has no stream'],
    ['no list', 'streams: {stream: one, sevrers: [a]}', 'streams[0]: unknown key "sevrers"'],
    ['no section', 'streams: [one]', 'streams[0]: must be a section'],
    [
      'two of a name',
      'streams: [{stream: one}, {stream: one}]',
      'streams[1].stream: there already is a stream "one"',
    ],
    [
      'two with one sink',
      'streams: [{stream: one, sink: {type: file, path: a}}, {stream: two, sink: {type: file, path: a}}]',
      'streams[1].sink: is already the sink of the stream "one"',
    ],
    [
      'an election of its own',
      'streams: [{stream: one, election: {backend: none}}]',
      'streams[0].election: applies to the whole agent',
    ],
    [
      'a variable that is not set',
      'streams: [{stream: one, user: "${NOBODY}"}]',
      'streams[0].user: the environment variable NOBODY',
    ],
  ])('names %s', (_, text, problem) => {
    const told = problemOf(shared + text);
    expect(told).toContain(problem);
    expect(told).not.toContain('problems');
  });
});

describe('a folder of config files', () => {
  let folder: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'waymark-config-'));
    await writeFile(join(folder, 'defaults.yaml'), shared);
    await writeFile(join(folder, 'b.yaml'), 'stream: b\nsink: {type: file, path: b.ndjson}\n');
    await writeFile(join(folder, 'a.yml'), 'stream: a\nservers: [db9]\nsink: {type: file, path: a.ndjson}\n');
    await writeFile(join(folder, 'README.md'), '# Not one of them');
  });

  afterEach(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  test('a stream each, and what holds for all', async () => {
    const configs = await loadConfigs(folder, {});
    expect(configs.map(({ stream, servers, user }) => [stream, servers.length, user])).toEqual([
      ['a', 1, 'waymark'],
      ['b', 2, 'waymark'],
    ]);
    expect((await loadConfig(folder, {}, {}, 'b')).stream).toBe('b');
    await expect(loadConfig(folder, {})).rejects.toMatchObject({ code: 'usage' });
    await expect(loadConfig(folder, {}, {}, 'c')).rejects.toThrow('no stream "c"');
  });

  test('half a file is refused, and with it all: nothing begins under a wrong configuration', async () => {
    await writeFile(join(folder, 'b.yaml'), 'sink: {type: file, pa');
    await expect(loadConfigs(folder, {})).rejects.toThrow('b.yaml:1');
    await writeFile(join(folder, 'b.yaml'), '');
    await expect(loadConfigs(folder, {})).rejects.toThrow('b.yaml: stream: is missing');
    await rm(join(folder, 'b.yaml'));
    await rm(join(folder, 'a.yml'));
    await expect(loadConfigs(folder, {})).rejects.toThrow('has no stream');
  });
});
