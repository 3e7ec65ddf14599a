import { createRequire } from 'node:module';

export type StatCallback = (code: number, text: unknown, stat: unknown) => void;
export type DataCallback = (code: number, text: unknown, stat: unknown, data: unknown) => void;
export type WatchCallback = (type: number) => void;

/** What is used of the package's class, with what really arrives at run time (its own types are `any` or wrong). */
export interface NativeClient {
  readonly client_id: unknown;
  readonly client_password: unknown;
  readonly timeout: number;
  on(event: 'connect' | 'connecting', listener: () => void): unknown;
  on(event: 'close', listener: (client: unknown, code: unknown) => void): unknown;
  init(config: NativeConfig): unknown;
  close(): unknown;
  add_auth(scheme: string, auth: string, callback: (code: number) => void): unknown;
  a_sync(path: string, callback: (code: number) => void): unknown;
  a_exists(path: string, watch: boolean, callback: StatCallback): unknown;
  aw_exists(path: string, watch: WatchCallback, callback: StatCallback): unknown;
  a_get(path: string, watch: boolean, callback: DataCallback): unknown;
  aw_get(path: string, watch: WatchCallback, callback: DataCallback): unknown;
  a_get_children(
    path: string,
    watch: boolean,
    callback: (code: number, text: unknown, names: unknown) => void,
  ): unknown;
  a_create(
    path: string,
    data: Buffer,
    flags: number,
    callback: (code: number, text: unknown, path: unknown) => void,
  ): unknown;
  a_set_acl(path: string, version: number, acl: readonly object[], callback: (code: number) => void): unknown;
  a_set(path: string, data: Buffer, version: number, callback: StatCallback): unknown;
  a_delete_(path: string, version: number, callback: (code: number) => void): unknown;
}

type NativeConfig = {
  readonly connect: string;
  readonly timeout: number;
  readonly debug_level: number;
  readonly host_order_deterministic: boolean;
  readonly client_id?: string;
  readonly client_password?: string;
};

type NativeClass = new (config: object) => NativeClient;

/**
 * Loads the package `zookeeper`. It is optional: it is compiled where it is installed, and nobody needs it but who keeps
 * something in ZooKeeper. By `require`, whose outcome is not typed by what happens to be installed.
 * @throws whatever Node.js says when it isn't there, or doesn't fit to this Node.js.
 */
export function loadNativeClient(): NativeClass {
  const loaded: unknown = createRequire(import.meta.url)('zookeeper');
  if (!isNativeClass(loaded)) throw new TypeError('the package zookeeper is of some other version');
  return loaded;
}

function isNativeClass(loaded: unknown): loaded is NativeClass {
  return typeof loaded === 'function' && loaded.prototype instanceof Object && 'a_sync' in loaded.prototype;
}
