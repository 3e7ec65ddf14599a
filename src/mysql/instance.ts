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
    /** The certificates to trust (PEM); those that Node brings unless given. */
    readonly ca?: string;
    readonly cert?: string;
    readonly key?: string;
    readonly verify?: boolean;
  };
  /** The servers' public key (PEM), with which the password is encrypted where the connection isn't. */
  readonly serverPublicKey?: string;
  /** Whether a server may say which key that is. */
  readonly getServerPublicKey?: boolean;
};

/** One server and the account to use there. */
export type Instance = {
  readonly address: Address;
  readonly account: Account;
  /** What the operator says that it is; else it is seen by its answers. */
  readonly kind?: ServerKind;
};

/** A configured server with the account to use there. */
export function instanceOf(
  { address, kind }: { readonly address: Address; readonly kind?: ServerKind | undefined },
  account: Account,
): Instance {
  return { address, account, ...(kind === undefined ? {} : { kind }) };
}
