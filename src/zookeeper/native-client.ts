import { createRequire } from 'node:module';

/** Receives the result of a call, and a node's Stat. */
export type StatCallback = (code: number, text: unknown, stat: unknown) => void;
/** Receives the result of a call, and a node's Stat and data. */
export type DataCallback = (code: number, text: unknown, stat: unknown, data: unknown) => void;
/** Receives the type of a watch event. */
export type WatchCallback = (type: number) => void;

/**
 * The part of the package's class that waymark uses, with the types that values have at run time. The
 * package's own types are `any` or wrong.
 */
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
 * Loads the package `zookeeper`.
 *
 * It is optional: installing it compiles it, and only users of ZooKeeper need it. It is loaded by `require`,
 * so that types don't depend on whether it is installed.
 * @throws what Node.js throws if it isn't installed, or was compiled for another Node.js.
 */
export function loadNativeClient(): NativeClass {
  const loaded: unknown = createRequire(import.meta.url)('zookeeper');
  if (!isNativeClass(loaded)) throw new TypeError('the package zookeeper has an unknown version');
  return loaded;
}

function isNativeClass(loaded: unknown): loaded is NativeClass {
  return typeof loaded === 'function' && loaded.prototype instanceof Object && 'a_sync' in loaded.prototype;
}
