import type { Address } from '../config/address.js';
import type { Secret } from '../config/secret.js';

/**
 * What a member is: a server, or a binlog server, which holds no data: it keeps a copy of its source's binary logs, under
 * the same names and positions, and serves them to replicas (MaxScale's binlogrouter, for example).
 */
export type ServerKind = 'server' | 'binlog-server';

/** Who we are on the servers, and how we get there. */
export type Account = {
  readonly user: string;
  readonly password: Secret;
  readonly tls?: {
    readonly ca?: string;
    readonly cert?: string;
    readonly key?: string;
    readonly verify?: boolean;
  };
};

/** One server and the account to use there. */
export type Instance = {
  readonly address: Address;
  readonly account: Account;
  /** What the operator says that it is; else it is seen by its answers. */
  readonly kind?: ServerKind;
};
