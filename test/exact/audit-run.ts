import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pino } from 'pino';
import { stringify } from 'yaml';
import type { Coordinates } from '../../src/binlog/coordinates.js';
import { createAgent, fileSink, loadConfig, type Sink } from '../../src/index.js';
import { makeRunFolder, removeRunFolder } from '../servers/folders.js';
import type { TestServer } from '../servers/index.js';
import { until } from '../servers/wait.js';
import { newLog } from '../integration/fixtures/log-reading.js';
import { jsonCells } from './json-cells.js';
import { saysTheSame } from './two-ways.js';

/** A row of the audit, its images as they stand in the file. */
export type AuditedRow = {
  readonly schema: string;
  readonly table: string;
  readonly operation: 'insert' | 'update' | 'delete';
  readonly before: string | null;
  readonly after: string | null;
  readonly partial: boolean;
  readonly proved: boolean;
};

/** What may be chosen about a run: keys of the agent's configuration, and whose account it has. */
export type AuditRunOptions = {
  readonly config?: Readonly<Record<string, unknown>>;
  readonly account?: { readonly user: string; readonly password: string };
};

/** The schema of all tables that are audited. */
export const schema = 'exact';
/** A table whose rows say how far the audit has come. */
const marks = 'marks';

let runs = 0;

/**
 * An agent that writes what a server logs from now on into an audit file. Every batch is also taken as values, as a
 * library has it: both say the same, or {@link end} rejects.
 */
export class AuditRun {
  /** Where the agent began. */
  readonly start: Coordinates;
  /** Of the table that is made last. */
  readonly endName: string;
  readonly #server: TestServer;
  readonly #folder: string;
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;
  #error: unknown = null;
  #ended = false;
  #marks = 0;
  /** The last mark that the audit has. */
  #marked = 0;
  /** Lines of which the values say something else. */
  readonly #differences: string[] = [];

  private constructor(
    server: TestServer,
    start: Coordinates,
    folder: string,
    run: (sink: Sink, signal: AbortSignal) => Promise<void>,
  ) {
    runs += 1;
    this.endName = `audit_end_${runs}`;
    this.start = start;
    this.#server = server;
    this.#folder = folder;
    this.#running = run(this.#watched(fileSink({ path: this.#file })), this.#stop.signal).catch(
      (error: unknown) => {
        this.#error = error;
      },
    );
  }

  /** Begins a new log, and an agent at its beginning. */
  static async start(
    server: TestServer,
    { config = {}, account = server }: AuditRunOptions = {},
  ): Promise<AuditRun> {
    const folder = await makeRunFolder();
    const file = join(folder, 'waymark.yaml');
    const { user, password } = account;
    const start = await newLog(server);
    const whole = {
      ...{ stream: 'exact', servers: [server.address], user, password, getServerPublicKey: true, start },
      filter: { include: [`${schema}.*`] },
      checkpoint: { store: 'file', path: join(folder, 'state') },
      ...config,
    };
    await writeFile(file, stringify(whole));
    const loaded = await loadConfig(file, {});
    const logger = pino({ level: 'silent' });
    return new AuditRun(server, start, folder, (sink, signal) =>
      createAgent(loaded, { logger, sink }).run(signal),
    );
  }

  get #file(): string {
    return join(this.#folder, 'audit.ndjson');
  }

  /** A sink that holds the lines of each batch against its values. */
  #watched(sink: Sink): Sink {
    return {
      open: (acknowledged, signal, fencing) => sink.open(acknowledged, signal, fencing),
      deliver: (batch, signal, fencing) => {
        const lines = batch.lines.toString('utf8').split('\n');
        if (lines.pop() !== '' || lines.length !== batch.records.length) {
          this.#differences.push(`${lines.length} lines, ${batch.records.length} records`);
        }
        batch.records.forEach((record, index) => {
          const line = lines[index] ?? '';
          if (!saysTheSame(line, record)) this.#differences.push(line.slice(0, 1000));
          if (record.type === 'row' && record.table === marks && record.op === 'insert') {
            this.#marked = Number(record.after['id']);
          }
          this.#ended ||= record.type === 'ddl' && record.sql.includes(this.endName);
        });
        return sink.deliver(batch, signal, fencing);
      },
      flush: (signal) => sink.flush(signal),
      close: () => sink.close(),
    };
  }

  /**
   * Resolves when everything that has been logged until now is in the audit: what is written next changes nothing of how
   * that was read.
   */
  async caughtUp(): Promise<void> {
    this.#marks += 1;
    const mark = this.#marks;
    if (mark === 1) {
      await this.#server.query(`DROP TABLE IF EXISTS ${schema}.${marks}`);
      await this.#server.query(`CREATE TABLE ${schema}.${marks} (id INT PRIMARY KEY)`);
    }
    await this.#server.query(`INSERT INTO ${schema}.${marks} VALUES (${mark})`);
    await until(
      'the audit has caught up',
      () => Promise.resolve(this.#marked >= mark || this.#error !== null),
      {
        everyMs: 2,
      },
    );
    if (this.#error !== null) throw new Error('the agent has failed', { cause: this.#error });
  }

  /** All rows of the audit file, when everything that has been logged until now is there; then the agent has ended. */
  async end(): Promise<AuditedRow[]> {
    try {
      await this.#server.query(`CREATE TABLE ${schema}.${this.endName} (id INT)`);
      await until('the audit has everything', () => Promise.resolve(this.#ended || this.#error !== null), {
        timeoutMs: 120_000,
      });
      await this.stop();
      if (this.#differences.length > 0) {
        throw new Error(`lines and values differ: ${this.#differences.slice(0, 5).join('\n')}`);
      }
      const text = await readFile(this.#file, 'utf8');
      return text
        .split('\n')
        .flatMap(rowOf)
        .filter(({ table }) => table !== marks);
    } finally {
      await this.release();
    }
  }

  /** The error that the agent ends with. */
  async failure(): Promise<unknown> {
    try {
      await until('the agent ends', () => Promise.resolve(this.#error !== null), { timeoutMs: 60_000 });
      return this.#error;
    } finally {
      await this.release();
    }
  }

  /** Has the agent end. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
    // What an agent ends with is what the test has to know.
    if (this.#error !== null) throw new Error('the agent has failed', { cause: this.#error });
  }

  /** Ends what is left. */
  async release(): Promise<void> {
    this.#stop.abort();
    await this.#running;
    await removeRunFolder(this.#folder);
  }
}

/** What is text between the quotation marks of a JSON string that needs no escape. */
const plain = (json: string | undefined): string => json?.slice(1, -1) ?? '';

function rowOf(line: string): AuditedRow[] {
  if (line === '') return [];
  const cells = jsonCells(line);
  const operation = plain(cells.get('op'));
  if (operation !== 'insert' && operation !== 'update' && operation !== 'delete') return [];
  return [
    {
      schema: String(JSON.parse(cells.get('schema') ?? '""')),
      table: String(JSON.parse(cells.get('table') ?? '""')),
      operation,
      before: cells.get('before') ?? null,
      after: cells.get('after') ?? null,
      partial: cells.get('partial') === 'true',
      proved: cells.get('proved') !== 'false',
    },
  ];
}
