import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { access, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { pino } from 'pino';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import {
  type ChangeRecord,
  createAgent,
  defaultHintFormat,
  findHint,
  findLastHint,
  hintFromToken,
  loadConfig,
  parseAddress,
  records,
  Secret,
  type Sink,
  streamSink,
} from '../../src/index.js';
import { judge } from '../demo/judge.js';
import { Load, table, tableStatements } from '../demo/load.js';
import { makeRunFolder, removeRunFolder } from '../servers/folders.js';
import { startTopology, type Topology } from '../servers/index.js';
import { acquit, entrust } from '../servers/reaper.js';
import { messageOf, until } from '../servers/wait.js';
import { agentPrivileges } from '../support/grants.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const account = { user: 'waymark', password: 'geheim', getServerPublicKey: true };

let topology: Topology;
let folder: string;

beforeAll(async () => {
  topology = await startTopology();
  const { source } = topology;
  for (const statement of tableStatements) await source.query(statement);
  await source.query(`CREATE USER waymark@'%' IDENTIFIED BY '${account.password}'`);
  await source.query(`GRANT ${agentPrivileges(source)} ON *.* TO waymark@'%'`);
  await source.query('CREATE TABLE shop.notes (id INT AUTO_INCREMENT PRIMARY KEY, note VARCHAR(40))');
  await injectHint();
  await topology.waitForReplicas();
});

afterAll(() => topology.stop());

beforeEach(async () => {
  folder = await makeRunFolder();
  return () => removeRunFolder(folder);
});

let hints = 0;

async function injectHint(): Promise<string> {
  hints += 1;
  const token = `asc:6B000000:${hints.toString(16).toUpperCase().padStart(16, '0')}:00000000`;
  await topology.source.query(`DROP VIEW IF EXISTS meta.\`_pseudo_gtid_hint__${token}\``);
  return token;
}

async function writeConfig(): Promise<string> {
  const path = join(folder, 'waymark.yaml');
  const config = {
    stream: 'library',
    servers: topology.replicas.map(({ address }) => address),
    ...account,
    filter: { include: ['shop.*'] },
    checkpoint: { store: 'file', path: join(folder, 'state') },
  };
  await writeFile(path, stringify(config));
  return path;
}

async function note(text: string): Promise<void> {
  await topology.source.query('INSERT INTO shop.notes (note) VALUES (?)', [text]);
}

/** The agent writes its first checkpoint when it knows where to begin. */
async function untilBegun(): Promise<void> {
  await until('the agent has begun', () =>
    access(join(folder, 'state', 'library.checkpoint')).then(
      () => true,
      () => false,
    ),
  );
}

describe('the example of docs/library.md', () => {
  let running: Example[] = [];

  afterEach(async () => {
    await Promise.all(running.map((example) => example.end('SIGKILL')));
    running = [];
  });

  /** The example as a file of a project that has waymark among its packages. */
  async function install(change: (code: string) => string = (code) => code): Promise<string> {
    const page = await readFile(join(root, 'docs/library.md'), 'utf8');
    const blocks = [...page.matchAll(/^```js\n([\s\S]*?)^```$/gm)].map(([, code]) => code ?? '');
    expect(blocks).toHaveLength(1);
    const packages = join(folder, 'node_modules');
    await mkdir(packages, { recursive: true });
    await symlink(root, join(packages, 'waymark')).catch(() => undefined);
    await symlink(join(root, 'node_modules/pino'), join(packages, 'pino')).catch(() => undefined);
    await symlink(join(root, 'node_modules/@types'), join(packages, '@types')).catch(() => undefined);
    const file = join(folder, 'audit.mjs');
    await writeFile(file, change(blocks[0] ?? ''));
    return file;
  }

  async function start(change?: (code: string) => string): Promise<Example> {
    await writeConfig();
    const example = new Example(await install(change), folder);
    running.push(example);
    await untilBegun();
    return example;
  }

  test('delivers, and stops in order', async () => {
    const example = await start();
    await note('one');
    await note('two');
    await example.has(2);
    await topology.source.query("UPDATE shop.notes SET note = 'three' WHERE note = 'two'");
    await example.has(3);
    expect(example.lines.map((line) => line.split(' ').slice(1).join(' '))).toEqual([
      'insert shop.notes',
      'insert shop.notes',
      'update shop.notes',
    ]);
    expect(await example.end('SIGTERM')).toBe(0);
    expect(example.errors).toBe('');
  });

  test('what was not acknowledged comes again, with the same id; what was does not', async () => {
    const lost = await start((code) => {
      expect(code).toContain('batch.acknowledge();');
      return code.replace('batch.acknowledge();', 'await new Promise((never) => setInterval(never, 1e9));');
    });
    await note('never acknowledged');
    await lost.has(1);
    await lost.end('SIGKILL');

    const second = await start();
    await second.has(1);
    expect(second.lines).toEqual(lost.lines);
    await note('a further one');
    await second.has(2);
    expect(await second.end('SIGTERM')).toBe(0);

    const third = await start();
    await note('the last one');
    await third.has(1);
    expect(third.lines).toHaveLength(1);
    expect(second.lines).not.toContain(third.lines[0]);
    expect(await third.end('SIGTERM')).toBe(0);
  });

  test('its types are right', async () => {
    const file = await install();
    const compiler = join(root, 'node_modules/typescript/bin/tsc');
    const options = '--noEmit --checkJs --allowJs --strict --skipLibCheck --target es2023 --types node';
    const modules = '--module nodenext --moduleResolution nodenext';
    const args = [compiler, ...options.split(' '), ...modules.split(' '), file];
    await promisify(execFile)(process.execPath, args, { cwd: folder, timeout: 60_000 }).catch(
      (error: unknown) => {
        throw new Error((error as { stdout: string }).stdout);
      },
    );
  });
});

/** A pipeline of a user's, as a process of its own. */
class Example {
  readonly lines: string[] = [];
  errors = '';
  readonly #child: ChildProcess;
  readonly #ended: Promise<number | null>;

  constructor(file: string, cwd: string) {
    const child = spawn(process.execPath, [file], {
      cwd,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, NODE_OPTIONS: '' },
    });
    const { pid } = child;
    if (pid !== undefined) entrust('process', pid);
    let rest = '';
    child.stdout.on('data', (chunk: Buffer) => {
      const lines = `${rest}${chunk.toString()}`.split('\n');
      rest = lines.pop() ?? '';
      this.lines.push(...lines);
    });
    child.stderr.on('data', (chunk: Buffer) => (this.errors += chunk.toString()));
    this.#child = child;
    this.#ended = new Promise((resolve) => {
      child.once('close', (code) => {
        if (pid !== undefined) acquit('process', pid);
        resolve(code);
      });
    });
  }

  /** Resolves when it has written so many lines. */
  async has(count: number): Promise<void> {
    await until(`${count} lines`, () => Promise.resolve(this.lines.length >= count), {
      timeoutMs: 20_000,
    }).catch((error: unknown) => {
      throw new Error(`${messageOf(error)}; there are: ${this.lines.join('\n')}\n${this.errors}`);
    });
  }

  async end(signal: NodeJS.Signals): Promise<number | null> {
    this.#child.kill(signal);
    return this.#ended;
  }
}

describe('the library', () => {
  const logger = pino({ level: 'silent' });

  test('finds hints', async () => {
    const [replica] = topology.replicas;
    const token = await injectHint();
    await injectHint();
    await topology.waitForReplicas();
    const options = {
      instance: {
        address: parseAddress(replica!.address),
        account: { user: account.user, password: new Secret(account.password), getServerPublicKey: true },
      },
      format: defaultHintFormat,
      signal: AbortSignal.timeout(10_000),
    };
    const found = await findHint([hintFromToken(token)], options);
    const last = await findLastHint(options);
    expect(found.hint.token).toBe(token);
    expect(last?.file).toBe(found.file);
    expect(last?.position).toBeGreaterThan(found.position);
  });

  test('leaving the loop ends the agent, and what was not acknowledged comes again', async () => {
    const config = await loadConfig(await writeConfig(), {});
    const first = streamSink();
    const running = createAgent(config, { logger, sink: first.sink }).run(AbortSignal.timeout(30_000));
    const ended = running.then(
      () => null,
      (error: unknown) => error,
    );
    await untilBegun();
    const ids: string[] = [];
    await note('one that is taken');
    for await (const batch of first.batches(running)) {
      ids.push(...batch.records.map(({ id }) => id));
      break;
    }
    await note('one that nobody takes');
    expect(await ended).toMatchObject({ code: 'sink' });

    const stop = new AbortController();
    const second = streamSink();
    const again = createAgent(config, { logger, sink: second.sink }).run(stop.signal);
    const notes: unknown[] = [];
    for await (const record of records(second.batches(again))) {
      if (notes.length === 0) expect(record.id).toBe(ids[0]);
      if (record.type === 'row' && record.op === 'insert') notes.push(record.after['note']);
      if (notes.length === 2) stop.abort();
    }
    await again;
    expect(notes).toEqual(['one that is taken', 'one that nobody takes']);
  });

  const never = new Promise<void>(() => undefined);
  /** Sinks that don't take the second note, and whether only the stop of the agent ends them. */
  const failures: Record<string, { take: (signal: AbortSignal) => Promise<void>; hangs?: true }> = {
    'rejects with an error of its own': { take: () => Promise.reject(new Error('the pipeline is down')) },
    'throws before it gives a promise': {
      take: () => {
        throw new TypeError('not a function');
      },
    },
    "rejects with what isn't an error": {
      // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors
      take: () => Promise.reject('down'),
    },
    'hangs, and heeds the signal': {
      hangs: true,
      take: (signal) =>
        new Promise((_, reject) => {
          signal.addEventListener('abort', () => {
            reject(new Error('given up'));
          });
        }),
    },
    'hangs, and heeds nothing': { hangs: true, take: () => never },
  };

  test.each(Object.entries(failures))(
    'what a sink has not taken is in no checkpoint: it %s',
    async (_name, { take, hangs }) => {
      const config = await loadConfig(await writeConfig(), {});
      const stop = new AbortController();
      const notes: unknown[] = [];
      const noteOf = (record: ChangeRecord | undefined): unknown =>
        record?.type === 'row' && record.op === 'insert' ? record.after['note'] : null;
      const refusing: Sink = {
        open: () => Promise.resolve({ remembers: false, delivered: [], endsBetweenTransactions: false }),
        deliver: ({ records: batch }, signal) => {
          notes.push(...batch.map(noteOf));
          if (batch.every((record) => noteOf(record) === 'taken')) return Promise.resolve();
          if (hangs) stop.abort();
          return take(signal);
        },
        flush: () => Promise.resolve(null),
        close: () => Promise.resolve(),
      };
      const ended = createAgent(config, { logger, sink: refusing })
        .run(stop.signal)
        .then(
          () => null,
          (error: unknown) => error,
        );
      await untilBegun();
      await note('taken');
      await until('the first note has been taken', () => Promise.resolve(notes.includes('taken')));
      await note('not taken');
      expect(await ended).toEqual(
        hangs ? null : expect.objectContaining({ name: 'WaymarkError', code: 'sink' }),
      );
      expect(notes).toEqual(['taken', 'not taken']);

      const again = new AbortController();
      const { sink, batches } = streamSink();
      const running = createAgent(config, { logger, sink }).run(again.signal);
      const delivered: unknown[] = [];
      for await (const record of records(batches(running))) {
        delivered.push(noteOf(record));
        if (noteOf(record) === 'not taken') again.abort();
      }
      await running;
      // The last checkpoint was written behind the first note.
      expect(delivered).toEqual(['not taken']);
    },
  );

  test('a replica is killed in the middle of an iteration: it goes on, nothing lost, nothing twice', async () => {
    const config = await loadConfig(await writeConfig(), {});
    const stop = new AbortController();
    const { sink, batches } = streamSink();
    const agent = createAgent(config, { logger, sink });
    const running = agent.run(stop.signal);
    await untilBegun();
    const load = new Load(topology.source);
    await load.start(3);
    const hinting = setInterval(() => void injectHint().catch(() => undefined), 300);
    const delivered: ChangeRecord[] = [];
    const everything = async (): Promise<void> => {
      await load.stop();
      await until('all is delivered', () => Promise.resolve(delivered.length >= load.changes));
    };
    let ending: Promise<void> | null = null;
    try {
      for await (const batch of batches(running)) {
        delivered.push(...batch.records);
        batch.acknowledge();
        const [victim] = topology.replicas;
        if (delivered.length > 2000 && victim!.alive) void victim!.kill();
        if (delivered.length > 5000) {
          ending ??= everything().finally(() => {
            stop.abort();
          });
        }
      }
      await ending;
      await running;
    } finally {
      clearInterval(hinting);
      await load.stop();
    }
    expect(agent.status().switches.at(-1)).toMatchObject({
      from: topology.replicas[0]!.address,
      to: topology.replicas[1]!.address,
      confidence: 'exact',
    });
    const rows = await topology.source.query<Record<string, unknown>>(
      `SELECT * FROM ${table.schema}.${table.name}`,
    );
    const judgement = judge({
      committed: load.committed,
      audited: delivered.filter((record) => record.type === 'row'),
      table: rows,
    });
    expect(judgement).toMatchObject({ missing: 0, doubled: 0, unknown: 0, outOfOrder: 0, perfect: true });
  });
});
