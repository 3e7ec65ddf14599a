import type { Address } from '../config/address.js';
import type { LivingLook } from './look.js';

/** Where else there may be servers, by what one of them says. */
export type Neighbours = {
  /** Sources and listed replicas: there is a server, whether it answers or not. */
  readonly certain: readonly Address[];
  /** Guesses: hosts that read the binary log, at the ports where a server would be. Nothing is lost if there is none. */
  readonly guesses: readonly Address[];
};

const defaultPort = 3306;

/** The neighbours of a server. Pure. */
export function neighboursOf(look: LivingLook): Neighbours {
  const sources = (look.channels ?? []).map(({ sourceHost, sourcePort }) =>
    asSeenFrom({ host: sourceHost.toLowerCase(), port: sourcePort }, look.address),
  );
  const replicas = (look.listed ?? []).flatMap(({ address }) =>
    address === null ? [] : [asSeenFrom(address, look.address)],
  );
  const allNamed = look.listed?.every(({ address }) => address !== null) ?? false;
  const ports = [...new Set([look.address.port, defaultPort])];
  const guesses = allNamed
    ? []
    : look.dumpHosts.flatMap((host) => ports.map((port) => asSeenFrom({ host, port }, look.address)));
  return { certain: [...sources, ...replicas].filter(({ host }) => host !== ''), guesses };
}

/** What a server on another machine calls its own machine is, from here, that machine. */
export function asSeenFrom(address: Address, speaker: Address): Address {
  return isLoopback(address.host) && !isLoopback(speaker.host)
    ? { host: speaker.host, port: address.port }
    : address;
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host.startsWith('127.');
}
