import type { Address } from '../config/address.js';
import type { Secret } from '../config/secret.js';

/**
 * The kind of a member. A binlog server has no data. It keeps a copy of its source's binary logs, with the same names
 * and positions, and serves them to replicas (for example MaxScale's binlogrouter).
 */
export type ServerKind = 'server' | 'binlog-server';

/** How waymark logs in to servers. */
export type Account = {
  readonly user: string;
  readonly password: Secret;
  readonly tls?: {
    /** The certificates to trust (PEM). Node's own by default. */
    readonly ca?: string;
    readonly cert?: string;
    readonly key?: string;
    readonly verify?: boolean;
  };
  /** The servers' public key (PEM). It encrypts the password if the connection isn't encrypted. */
  readonly serverPublicKey?: string;
  /** Whether to accept the public key that the server itself sends. */
  readonly getServerPublicKey?: boolean;
};

/** One server, and the account to use there. */
export type Instance = {
  readonly address: Address;
  readonly account: Account;
  /** The name that its certificate must have, if that isn't the address's host. */
  readonly certificateName?: string;
  /** What the operator says that it is. By default waymark tells it from the server's answers. */
  readonly kind?: ServerKind;
};

/** A configured server: its address, and its kind if the operator says it. */
type NamedServer = { readonly address: Address; readonly kind?: ServerKind | undefined };

/** One of the addresses that a configured server's host name stands for. Its certificate must have that name. */
export function instanceBehind(server: NamedServer, address: Address, account: Account): Instance {
  return { ...instanceOf({ ...server, address }, account), certificateName: server.address.host };
}

/** Combines a configured server with the account to use there. */
export function instanceOf({ address, kind }: NamedServer, account: Account): Instance {
  return { address, account, ...(kind === undefined ? {} : { kind }) };
}
