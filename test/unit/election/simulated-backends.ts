import { attempt, type LeaseRow, withdraw } from '../../../src/election/lease-row.js';
import { runtime } from '../../../src/runtime/runtime.js';
import { WaymarkError } from '../../../src/util/errors.js';
import type { ConnectRequest, ZooKeeperCall } from '../../../src/zookeeper/zookeeper-calls.js';
import { ZooKeeperClient, zookeeperCode } from '../../../src/zookeeper/zookeeper-client.js';
import type {
  AnyValue,
  ConnectionLoss,
  Reply,
  Session,
} from '../../../src/zookeeper/zookeeper-connection.js';
import type { SharedWorld, SteppedProcess } from '../../support/interleavings.js';

/** What agents hold an election in. */
export type SimulatedBackend = {
  readonly key: string;
  /** When it last heard from the leader that this process is; null: never. */
  heardAtMs(process: SteppedProcess): number | null;
};

const backends = new WeakMap<object, { readonly process: SteppedProcess; readonly backend: unknown }>();

/** What the process connects to from now on. */
export function connectTo(process: SteppedProcess, backend: SimulatedRow | SimulatedQueue): void {
  backends.set(process.runtime, { process, backend });
}

/** A server with the row of one stream, as the integration test of the statements has it. */
export class SimulatedRow implements SimulatedBackend {
  row: LeaseRow | null = null;
  readonly #world: SharedWorld;
  readonly #heard = new Map<string, number>();
  #signs = 0;

  constructor(world: SharedWorld) {
    this.#world = world;
  }

  get key(): string {
    return `${JSON.stringify(this.row)} ${JSON.stringify([...this.#heard])}`;
  }

  heardAtMs({ name }: SteppedProcess): number | null {
    return this.#heard.get(name) ?? null;
  }

  attempt(values: readonly unknown[], timeoutMs: number): void {
    const [, id, , expired, , , host, , , held] = values.map(String);
    const sign = `s${this.#signs + 1}`;
    const candidate = { id: id ?? '', host: host ?? '', held: Number(held), expired: expired ?? null };
    this.row = attempt(this.row, candidate, sign, this.#world.nowMs, timeoutMs);
    if (this.row.sign !== sign) return;
    this.#signs += 1;
    this.#heard.set(candidate.host, this.#world.nowMs);
  }

  withdraw(id: string): void {
    if (this.row !== null) this.row = withdraw(this.row, id);
  }
}

/** In place of a ServerConnection: what the election asks of it, and nothing else. */
export function connectToRow(timeoutMs: number): Promise<object> {
  const found = backends.get(runtime());
  if (!(found?.backend instanceof SimulatedRow)) return Promise.reject(new Error('there is no such server'));
  const { process, backend } = found;
  const lost = (): never => {
    throw new WaymarkError('stream-broken', 'the connection is lost');
  };
  return Promise.resolve({
    run: async (sql: string, values: readonly unknown[] = []) => {
      if (sql.startsWith('SET SESSION')) return 0;
      const isAttempt = sql.startsWith('INSERT INTO');
      return process.call(
        isAttempt ? 'attempts' : 'withdraws',
        () => {
          if (isAttempt) backend.attempt(values, timeoutMs);
          else backend.withdraw(String(values[2]));
          return 1;
        },
        lost,
      );
    },
    query: () =>
      process.call(
        'reads the row',
        () => {
          const { row } = backend;
          return row === null ? [] : [{ ...row, token: String(row.token), seenAgo: '0', calledAgo: '0' }];
        },
        lost,
      ),
    close: () => Promise.resolve(),
    discard: () => undefined,
  });
}

type QueueNode = {
  readonly path: string;
  readonly data: Buffer;
  readonly czxid: number;
  readonly session: string | null;
};

/** ZooKeeper as far as a queue of candidates goes: sessions, nodes that go with them, and who watches these. */
export class SimulatedQueue implements SimulatedBackend {
  nodes: QueueNode[] = [];
  readonly #world: SharedWorld;
  readonly #timeoutMs: number;
  readonly #sessions = new Map<string, { readonly of: string; heardAtMs: number }>();
  readonly #heard = new Map<string, number>();
  readonly #watches: { readonly path: string; readonly tell: () => void }[] = [];
  #zxid = 0;
  #numbers = 0;
  #opened = 0;

  constructor(world: SharedWorld, timeoutMs: number) {
    this.#world = world;
    this.#timeoutMs = timeoutMs;
  }

  get key(): string {
    return JSON.stringify([this.nodes, [...this.#sessions], this.#watches.map(({ path }) => path)]);
  }

  heardAtMs({ name }: SteppedProcess): number | null {
    return this.#heard.get(name) ?? null;
  }

  /** A session, the one before where that lives still. */
  open(before: string | null, of: string): string {
    this.expire();
    if (before !== null && this.hear(before)) return before;
    this.#opened += 1;
    const id = `session-${this.#opened}`;
    this.#sessions.set(id, { of, heardAtMs: this.#world.nowMs });
    this.hear(id);
    return id;
  }

  /** Something came from a session; false: it is over. */
  hear(id: string): boolean {
    this.expire();
    const session = this.#sessions.get(id);
    if (session === undefined) return false;
    session.heardAtMs = this.#world.nowMs;
    this.#heard.set(session.of, this.#world.nowMs);
    return true;
  }

  expire(): void {
    for (const [id, { heardAtMs }] of this.#sessions) {
      if (heardAtMs + this.#timeoutMs > this.#world.nowMs) continue;
      this.#sessions.delete(id);
      for (const { path } of this.nodes.filter(({ session }) => session === id)) this.#remove(path);
    }
  }

  answer(call: ZooKeeperCall, session: string, changed: (() => void) | undefined): Reply<AnyValue> {
    const { path } = call;
    const node = this.nodes.find((one) => one.path === path);
    const none = { ok: false, code: zookeeperCode.noNode } as const;
    if (
      'watch' in call &&
      call.watch &&
      changed !== undefined &&
      (node !== undefined || call.kind === 'exists')
    ) {
      this.#watches.push({ path, tell: changed });
    }
    switch (call.kind) {
      case 'sync':
        return { ok: true, value: null };
      case 'children': {
        if (node === undefined) return none;
        const names = this.nodes.flatMap((one) =>
          one.path.startsWith(`${path}/`) ? [one.path.slice(path.length + 1)] : [],
        );
        return { ok: true, value: names.filter((name) => !name.includes('/')) };
      }
      case 'exists':
        return node === undefined ? none : { ok: true, value: { czxid: node.czxid, version: 0 } };
      case 'get':
        return node === undefined
          ? none
          : { ok: true, value: { czxid: node.czxid, version: 0, data: node.data } };
      case 'create':
        if (!this.#isThere(path.slice(0, path.lastIndexOf('/')))) return none;
        return { ok: true, value: this.#create(path, call.as, Buffer.from(call.data), session) };
      case 'set':
        return none;
      case 'delete':
        this.#remove(path);
        return { ok: true, value: null };
    }
  }

  #isThere(path: string): boolean {
    return path === '' || this.nodes.some((node) => node.path === path);
  }

  #create(path: string, as: string, data: Buffer, session: string): string {
    const number = as === 'ephemeral-sequential' ? String(this.#numbers).padStart(10, '0') : '';
    if (number !== '') this.#numbers += 1;
    const full = `${path}${number}`;
    if (this.nodes.every((one) => one.path !== full)) {
      this.#zxid += 1;
      this.nodes.push({ path: full, data, czxid: this.#zxid, session: as === 'persistent' ? null : session });
    }
    return full;
  }

  #remove(path: string): void {
    this.nodes = this.nodes.filter((one) => one.path !== path);
    const told = this.#watches.filter((watch) => watch.path === path);
    for (const watch of told) this.#watches.splice(this.#watches.indexOf(watch), 1);
    for (const { tell } of told) tell();
  }
}

/** In place of a connection to ZooKeeper's servers. */
export async function connectToQueue(request: ConnectRequest): Promise<ZooKeeperClient> {
  const found = backends.get(runtime());
  if (!(found?.backend instanceof SimulatedQueue)) throw new Error('there is no such server');
  const { process, backend } = found;
  const id = await process.call(
    'connects',
    () => backend.open(request.session?.id ?? null, process.name),
    () => {
      throw new Error('there is no way to the server');
    },
  );
  const session: Session = { id, password: '', timeoutMs: request.sessionTimeoutMs };
  const watching = new Set<() => void>();
  let lose: (loss: ConnectionLoss) => void = () => undefined;
  const lost = new Promise<ConnectionLoss>((resolve) => {
    lose = resolve;
  });
  let isLost = false;
  const end = (sessionExpired: boolean, code: number): Reply<AnyValue> => {
    isLost = true;
    lose({ sessionExpired, reason: 'lost' });
    for (const changed of [...watching]) changed();
    return { ok: false, code };
  };
  return new ZooKeeperClient({
    kind: 'javascript',
    connected: Promise.resolve(session),
    lost,
    call: (call, changed) => {
      const told = changed && once(changed, watching);
      if (isLost) return Promise.resolve({ ok: false, code: zookeeperCode.connectionLoss });
      return process.call(
        `asks: ${call.kind}`,
        () => {
          if (!backend.hear(id)) return end(true, zookeeperCode.sessionExpired);
          return backend.answer(
            call,
            id,
            told &&
              (() => {
                process.tell('is told of a change', told);
              }),
          );
        },
        () => end(false, zookeeperCode.connectionLoss),
      );
    },
    close: () => Promise.resolve(),
    abandon: () => Promise.resolve(),
  });
}

/** Calls it once, and until then it is among those. */
function once(action: () => void, among: Set<() => void>): () => void {
  const told = (): void => {
    if (among.delete(told)) action();
  };
  among.add(told);
  return told;
}
