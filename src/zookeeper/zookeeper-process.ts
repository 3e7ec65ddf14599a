/**
 * The process that has the connection to ZooKeeper: a child of the agent, with nothing in it but the native client of
 * the package `zookeeper`, which is loaded here alone (see native-client.ts).
 *
 * Why a process: the client (7.3.0) tells the event loop to forget a socket's descriptor when it has closed it
 * already, after a connect that failed even seconds later (src/node-zk.cpp, `yield`). Whatever has got the same
 * descriptor in the meantime is deaf from then on, or libuv aborts. In an agent this would be the stream; here there
 * is nothing that could get it. And a client that crashes takes nobody along.
 *
 * The session is the agent's, not this process's: when the agent has asked for nothing for as long as a session may be
 * silent, it is frozen, and the session is ended, although this process could keep it alive.
 */
import type { ZooKeeperAddress } from '../config/zookeeper-address.js';
import {
  type DataCallback,
  loadNativeClient,
  type NativeClient,
  type StatCallback,
  type WatchCallback,
} from './native-client.js';
import type {
  Answer,
  ConnectRequest,
  Request,
  ZnodeKind,
  ZnodeVersion,
  ZooKeeperCall,
  ZooKeeperValues,
} from './zookeeper-calls.js';

type Done = (code: number, value: () => ZooKeeperValues[keyof ZooKeeperValues]) => void;

/** The native client's level at which it writes nothing to stderr. */
const silent = 0;
const ok = 0;
const noNode = -101;
const systemError = -1;
const sessionExpired = -112;
/** The type of events that tell of the connection, not of a node (ZOO_SESSION_EVENT in zookeeper.h). */
const sessionEvent = -1;
const anyVersion = -1;
/** ZOO_EPHEMERAL is 1, ZOO_SEQUENCE is 2. */
const flagsOf: Readonly<Record<ZnodeKind, number>> = {
  persistent: 0,
  ephemeral: 1,
  'ephemeral-sequential': 3,
};
/** All permissions (31) for whom the connection has authenticated as, for nobody else. */
const creatorOnly = [{ perms: 31, scheme: 'auth', auth: '' }];

let client: NativeClient | null = null;
let greeted = false;
let protect = false;
let silence: NodeJS.Timeout | undefined;

process.on('message', (request: Request) => {
  silence?.refresh();
  switch (request.type) {
    case 'connect':
      // Never earlier than the servers themselves would have ended the session of an agent that is silent.
      silence = setTimeout(end, request.sessionTimeoutMs);
      connect(request);
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

function connect({ address, sessionTimeoutMs, digest, session }: ConnectRequest): void {
  try {
    const native = new (loadNativeClient())({});
    client = native;
    answer({ type: 'started' });
    protect = digest !== null;
    native.on('connect', () => {
      greet(native);
    });
    native.on('connecting', () => {
      if (greeted) answer({ type: 'lost' });
    });
    native.on('close', (_client, code) => {
      answer({ type: code === sessionExpired ? 'expired' : 'lost' });
    });
    native.init({
      connect: connectString(address),
      timeout: sessionTimeoutMs,
      debug_level: silent,
      host_order_deterministic: false,
      ...(session === null ? {} : { client_id: session.id, client_password: session.password }),
    });
    // Kept until the connection stands, and then sent before anything else.
    if (digest !== null) native.add_auth('digest', digest, () => undefined);
  } catch (error) {
    answer({ type: 'unusable', reason: error instanceof Error ? error.message : String(error) });
  }
}

/** The client splits at the last colon; it knows no brackets. */
function connectString({ servers, chroot }: ZooKeeperAddress): string {
  return `${servers.map(({ host, port }) => `${host}:${String(port)}`).join(',')}${chroot}`;
}

function greet(native: NativeClient): void {
  greeted = true;
  answer({
    type: 'connected',
    session: { id: String(native.client_id), password: String(native.client_password) },
    timeoutMs: native.timeout,
  });
}

function call(id: number, request: ZooKeeperCall): void {
  const native = client;
  if (native === null) return;
  const done: Done = (code, value) => {
    answer(code === ok ? { type: 'value', id, value: value() } : { type: 'code', id, code });
  };
  const changed: WatchCallback = (type) => {
    if (type !== sessionEvent) answer({ type: 'changed', id });
  };
  const code = send(native, request, done, changed);
  // Not sent at all: the native client says so in its return value and never calls back.
  if (typeof code === 'number' && code !== ok) answer({ type: 'code', id, code });
}

function send(native: NativeClient, request: ZooKeeperCall, done: Done, changed: WatchCallback): unknown {
  const { path } = request;
  const stat: StatCallback = (code, _text, found) => {
    done(code, () => versionOf(found));
  };
  const plain = (code: number): void => {
    done(code, () => null);
  };
  switch (request.kind) {
    case 'sync':
      return native.a_sync(path, plain);
    case 'exists':
      return request.watch ? native.aw_exists(path, changed, stat) : native.a_exists(path, false, stat);
    case 'get': {
      const data: DataCallback = (code, _text, found, content) => {
        // A node without content comes as null.
        done(code, () => ({
          ...versionOf(found),
          data: Buffer.isBuffer(content) ? content : Buffer.alloc(0),
        }));
      };
      return request.watch ? native.aw_get(path, changed, data) : native.a_get(path, false, data);
    }
    case 'children':
      return native.a_get_children(path, false, (code, _text, names) => {
        done(code, () => (Array.isArray(names) ? names.map(String) : []));
      });
    case 'create':
      return native.a_create(path, Buffer.from(request.data), flagsOf[request.as], (code, _text, made) => {
        if (code === ok && protect) setImmediate(protectNode, native, String(made), done);
        else done(code, () => String(made));
      });
    case 'set':
      return native.a_set(path, Buffer.from(request.data), request.version, stat);
    case 'delete':
      return native.a_delete_(path, anyVersion, plain);
  }
}

/** The package makes every node open to everybody (src/node-zk.cpp, ACreate); so it is closed right behind. */
function protectNode(native: NativeClient, path: string, done: Done): void {
  const code = native.a_set_acl(path, anyVersion, creatorOnly, (outcome) => {
    // Gone already: it was ephemeral, and somebody has deleted it in between.
    done(outcome === noNode ? ok : outcome, () => path);
  });
  if (typeof code === 'number' && code !== ok) done(systemError, () => path);
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
