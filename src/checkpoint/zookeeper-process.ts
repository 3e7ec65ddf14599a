/**
 * The process that has the connection to ZooKeeper: a child of the agent, with nothing in it but the native client of
 * the package `zookeeper`. This file alone knows the package.
 *
 * Why a process: the client (7.3.0) tells the event loop to forget a socket's descriptor when it has closed it
 * already, after a connect that failed even seconds later (src/node-zk.cpp, `yield`). Whatever has got the same
 * descriptor in the meantime is deaf from then on, or libuv aborts. In an agent this would be the stream; here there
 * is nothing that could get it. And a client that crashes takes nobody along.
 */
import type { Answer, Request, ZnodeVersion, ZooKeeperCall, ZooKeeperValues } from './zookeeper-calls.js';

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

/** The native client's level at which it writes nothing to stderr. */
const silent = 0;
const persistent = 0;
const ok = 0;

let client: NativeClient | null = null;

process.on('message', (request: Request) => {
  switch (request.type) {
    case 'connect':
      void connect(request.connect, request.sessionTimeoutMs);
      return;
    case 'call':
      call(request.id, request.call);
      return;
    case 'close':
      end();
  }
});
// The agent has died: nobody is left to serve.
process.on('disconnect', end);
// What stops the agent is for the agent to handle; it still has a checkpoint to save.
process.on('SIGINT', () => undefined);
process.on('SIGTERM', () => undefined);

async function connect(servers: string, sessionTimeoutMs: number): Promise<void> {
  try {
    const { default: Native } = await import('zookeeper');
    const native: NativeClient = new Native({});
    client = native;
    native.on('connect', () => {
      answer({ type: 'connected' });
    });
    native.on('connecting', lost);
    native.on('close', lost);
    native.init({
      connect: servers,
      timeout: sessionTimeoutMs,
      debug_level: silent,
      host_order_deterministic: false,
    });
  } catch (error) {
    answer({ type: 'unusable', reason: error instanceof Error ? error.message : String(error) });
  }
}

function lost(): void {
  answer({ type: 'lost' });
}

function call(id: number, request: ZooKeeperCall): void {
  const native = client;
  if (native === null) return;
  const done = (code: number, value: () => ZooKeeperValues[keyof ZooKeeperValues]): void => {
    answer(code === ok ? { type: 'value', id, value: value() } : { type: 'code', id, code });
  };
  const code = send(native, request, done);
  // Not sent at all: the native client says so in its return value and never calls back.
  if (typeof code === 'number' && code !== ok) answer({ type: 'code', id, code });
}

function send(
  native: NativeClient,
  request: ZooKeeperCall,
  done: (code: number, value: () => ZooKeeperValues[keyof ZooKeeperValues]) => void,
): unknown {
  switch (request.kind) {
    case 'sync':
      return native.a_sync(request.path, (code) => {
        done(code, () => null);
      });
    case 'exists':
      return native.a_exists(request.path, false, (code, _text, stat) => {
        done(code, () => versionOf(stat));
      });
    case 'get':
      return native.a_get(request.path, false, (code, _text, stat, data) => {
        // A node without content comes as null.
        done(code, () => ({ ...versionOf(stat), data: Buffer.isBuffer(data) ? data : Buffer.alloc(0) }));
      });
    case 'create':
      return native.a_create(request.path, Buffer.from(request.data), persistent, (code) => {
        done(code, () => null);
      });
    case 'set':
      return native.a_set(request.path, Buffer.from(request.data), request.version, (code, _text, stat) => {
        done(code, () => versionOf(stat));
      });
  }
}

function answer(message: Answer): void {
  // The channel may be gone: then the agent is, and this process ends by itself.
  if (process.connected) process.send?.(message, undefined, undefined, () => undefined);
}

/** Says goodbye to ZooKeeper, which takes up to 1.5 s if it hangs, and ends. */
function end(): void {
  client?.close();
  process.exit();
}

function versionOf(stat: unknown): ZnodeVersion {
  if (typeof stat === 'object' && stat !== null && 'czxid' in stat && 'version' in stat) {
    const { czxid, version } = stat;
    if (typeof czxid === 'number' && typeof version === 'number') return { czxid, version };
  }
  // Not possible with the pinned package; a wrong version would break compare-and-set, so none is made up.
  throw new TypeError('the ZooKeeper client gave no stat');
}
