/**
 * One session with ZooKeeper, over the native client of the package `zookeeper`. This file alone knows the package.
 * Outcomes are told by the client's numbers; the package's promise flavour has them in the error's text only, so its
 * callback flavour is used.
 */

/** What of the package's class is used, with what really arrives at run time (its own types are `any` or wrong). */
interface NativeClient {
  on(event: 'connect' | 'connecting' | 'close', listener: () => void): unknown;
  init(config: NativeConfig): unknown;
  close(): unknown;
  a_sync(path: string, callback: (code: number) => void): unknown;
  a_exists(
    path: string,
    watch: boolean,
    callback: (code: number, text: unknown, stat: unknown) => void,
  ): unknown;
  a_get(
    path: string,
    watch: boolean,
    callback: (code: number, text: unknown, stat: unknown, data: unknown) => void,
  ): unknown;
  a_create(path: string, data: Buffer, flags: number, callback: (code: number) => void): unknown;
  a_set(
    path: string,
    data: Buffer,
    version: number,
    callback: (code: number, text: unknown, stat: unknown) => void,
  ): unknown;
}

type NativeConfig = {
  readonly connect: string;
  readonly timeout: number;
  readonly debug_level: number;
  readonly host_order_deterministic: boolean;
};

/** Outcomes by ZooKeeper's numbers (KeeperException.Code), those that anything is decided by. */
export const zookeeperCode = {
  ok: 0,
  systemError: -1,
  connectionLoss: -4,
  operationTimeout: -7,
  invalidState: -9,
  noNode: -101,
  noAuth: -102,
  badVersion: -103,
  nodeExists: -110,
  sessionExpired: -112,
  authFailed: -115,
  closing: -116,
  sessionMoved: -118,
} as const;

/** Which node, and which state of it. A node deleted and made again has another `czxid`. */
export type ZnodeVersion = { readonly czxid: number; readonly version: number };

/** A znode's content. */
export type Znode = ZnodeVersion & { readonly data: Buffer };

/** What the server said: a value, or the number of an error. */
export type Reply<T> =
  { readonly ok: true; readonly value: T } | { readonly ok: false; readonly code: number };

/** The native client's level at which it writes nothing to stderr. */
const silent = 0;
const persistent = 0;

/**
 * A client that lives as long as one connection: when that breaks, make another client. (The store has nothing that
 * belongs to a session, and the native client's own reconnecting takes up to a third of the session timeout.)
 */
export class ZooKeeperClient {
  /** Resolves when the session stands; never when it doesn't come to that. */
  readonly connected: Promise<void>;
  /** Resolves when the connection is lost, the session has expired, or close() was called. */
  readonly lost: Promise<void>;
  readonly #native: NativeClient;
  readonly #unansweredMs: number;
  readonly #pending = new Set<(code: number) => void>();
  #lose: () => void = () => undefined;

  private constructor(native: NativeClient, connect: string, sessionTimeoutMs: number) {
    this.#native = native;
    this.#unansweredMs = sessionTimeoutMs;
    this.lost = new Promise((resolve) => {
      this.#lose = resolve;
    });
    this.connected = new Promise((resolve) => {
      native.on('connect', afterwards(resolve));
    });
    const lose = afterwards(() => {
      this.#lose();
    });
    native.on('connecting', lose);
    native.on('close', lose);
    native.init({
      connect,
      timeout: sessionTimeoutMs,
      debug_level: silent,
      host_order_deterministic: false,
    });
  }

  /**
   * Begins to connect; must be closed in any case, since it keeps the process alive.
   * @param connect IP addresses and ports; names would be looked up synchronously.
   * @throws the loader's error when the package can't be loaded (it is compiled for each machine).
   */
  static async start(connect: string, sessionTimeoutMs: number): Promise<ZooKeeperClient> {
    // Loaded when needed: whoever keeps checkpoints elsewhere needs no compiled package.
    const { default: Native } = await import('zookeeper');
    return new ZooKeeperClient(new Native({}), connect, sessionTimeoutMs);
  }

  /** Waits until the server that we are connected to knows everything that was committed before. */
  sync(path: string): Promise<Reply<null>> {
    return this.#call((done) =>
      this.#native.a_sync(path, (code) => {
        done(code, () => null);
      }),
    );
  }

  exists(path: string): Promise<Reply<ZnodeVersion>> {
    return this.#call((done) =>
      this.#native.a_exists(path, false, (code, _text, stat) => {
        done(code, () => versionOf(stat));
      }),
    );
  }

  get(path: string): Promise<Reply<Znode>> {
    return this.#call((done) =>
      this.#native.a_get(path, false, (code, _text, stat, data) => {
        // A node without content comes as null.
        done(code, () => ({ ...versionOf(stat), data: Buffer.isBuffer(data) ? data : Buffer.alloc(0) }));
      }),
    );
  }

  /** A persistent node; its parent must be there. */
  create(path: string, data: Buffer): Promise<Reply<null>> {
    return this.#call((done) =>
      this.#native.a_create(path, data, persistent, (code) => {
        done(code, () => null);
      }),
    );
  }

  set(path: string, data: Buffer, version: number): Promise<Reply<ZnodeVersion>> {
    return this.#call((done) =>
      this.#native.a_set(path, data, version, (code, _text, stat) => {
        done(code, () => versionOf(stat));
      }),
    );
  }

  /**
   * Ends the session and frees everything; calls under way get `closing` for an answer. The native client waits for
   * the server's goodbye, at most 1.5 s and only when it believes itself connected, and nothing else runs meanwhile.
   */
  async close(): Promise<void> {
    this.#lose();
    // Nor is this done inside a callback, by whoever calls us: it frees what the native client still works on.
    await new Promise((resolve) => setImmediate(resolve));
    this.#native.close();
    for (const settle of [...this.#pending]) settle(zookeeperCode.closing);
  }

  #call<T>(send: (done: (code: number, value: () => T) => void) => unknown): Promise<Reply<T>> {
    return new Promise((resolve, reject) => {
      // A call unanswered for that long means a dead connection, whatever the native client believes.
      const timer = setTimeout(() => {
        this.#lose();
      }, this.#unansweredMs);
      const fail = (code: number): void => {
        clearTimeout(timer);
        this.#pending.delete(fail);
        resolve({ ok: false, code });
      };
      this.#pending.add(fail);
      const settle = (answer: number, value: () => T): void => {
        if (answer !== zookeeperCode.ok) {
          fail(answer);
          return;
        }
        clearTimeout(timer);
        this.#pending.delete(fail);
        try {
          resolve({ ok: true, value: value() });
        } catch (error) {
          reject(error instanceof Error ? error : new Error(String(error)));
        }
      };
      const code = send(afterwards(settle));
      // Not sent at all: the native client says so in its return value and never calls back.
      if (typeof code === 'number' && code !== zookeeperCode.ok) fail(code);
    });
  }
}

/**
 * Nothing may happen inside the native client's callbacks. It calls them between closing a socket and telling the
 * event loop; a file or socket opened in between, be it by a promise that goes on in that moment, gets the very same
 * descriptor, and is deaf from then on, or the process crashes.
 */
function afterwards<A extends unknown[]>(callback: (...args: A) => void): (...args: A) => void {
  return (...args) => {
    setImmediate(() => {
      callback(...args);
    });
  };
}

function versionOf(stat: unknown): ZnodeVersion {
  if (typeof stat === 'object' && stat !== null && 'czxid' in stat && 'version' in stat) {
    const { czxid, version } = stat;
    if (typeof czxid === 'number' && typeof version === 'number') return { czxid, version };
  }
  // Not possible with the pinned package; a wrong version would break compare-and-set, so none is made up.
  throw new TypeError('the ZooKeeper client gave no stat');
}
