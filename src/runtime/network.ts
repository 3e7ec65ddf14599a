import type { Duplex } from 'node:stream';

/** A host and a port, or the path of a Unix socket. */
export type Endpoint = { readonly host: string; readonly port: number } | { readonly path: string };

/**
 * A connection, or one that is being made: it emits `connect`, or `error` and `close`. The rest is a stream's: `data` and
 * `end` from the other side, `pause()` has the other side wait, `destroy()` resets.
 */
export type Socket = Duplex;

export type Network = {
  /** Begins to connect. What is written goes out at once, and the system probes an idle connection (keep-alive). */
  connect(target: Endpoint): Socket;
  /**
   * The IP addresses of a host, all of them.
   * @throws the resolver's error, with its `code`.
   */
  addressesOf(host: string): Promise<readonly string[]>;
};
