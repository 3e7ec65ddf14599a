import type { Duplex } from 'node:stream';

/** A host and a port, or the path of a Unix socket. */
export type Endpoint = { readonly host: string; readonly port: number } | { readonly path: string };

/**
 * A connection that is open or being opened. It emits `connect`, or `error` and `close`. The rest is as for any stream:
 * `data` and `end` come from the other side, `pause()` makes the other side wait, and `destroy()` resets the
 * connection.
 */
export type Socket = Duplex;

/** Connections, and names of hosts. */
export type Network = {
  /** Begins to connect. Each write is sent at once, and the system probes an idle connection (keep-alive). */
  connect(target: Endpoint): Socket;
  /**
   * Returns all IP addresses of a host.
   * @throws the resolver's error, with its `code`.
   */
  addressesOf(host: string): Promise<readonly string[]>;
};
