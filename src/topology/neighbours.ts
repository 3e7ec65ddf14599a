import { type Address, isLoopback, socketPathOf } from '../config/address.js';
import type { LivingServer } from './surveyed-server.js';

/** Where else there may be servers, by what one of them says. */
export type Neighbours = {
  /** Sources and listed replicas: there is a server, whether it answers or not. */
  readonly certain: readonly Address[];
  /** Guesses: hosts that read the binary log, at the ports where a server would be. Nothing is lost if there is none. */
  readonly guesses: readonly Address[];
};

const defaultPort = 3306;

/** The neighbours of a server. Pure. */
export function neighboursOf(look: LivingServer): Neighbours {
  const replicas = (look.listed ?? []).flatMap(({ address }) =>
    address === null ? [] : [asSeenFrom(address, look.address)],
  );
  const allNamed = look.listed?.every(({ address }) => address !== null) ?? false;
  const own = socketPathOf(look.address) === null ? [look.address.port] : [];
  const ports = [...new Set([...own, defaultPort])];
  const guesses = allNamed
    ? []
    : look.dumpHosts.flatMap((host) => ports.map((port) => asSeenFrom({ host, port }, look.address)));
  return { certain: [...sourcesOf(look), ...replicas.filter(isElsewhere)], guesses };
}

/** Where the sources of a server are, by its own word. Pure. */
export function sourcesOf({ channels, address }: LivingServer): Address[] {
  return (channels ?? [])
    .map(({ sourceHost, sourcePort }) =>
      asSeenFrom({ host: sourceHost.toLowerCase(), port: sourcePort }, address),
    )
    .filter(isElsewhere);
}

/** No other server's word leads us to a socket of this machine. */
function isElsewhere({ host }: Address): boolean {
  return host !== '' && !host.startsWith('/');
}

/** What a server on another machine calls its own machine is, from here, that machine. */
export function asSeenFrom(address: Address, speaker: Address): Address {
  return isLoopback(address.host) && !isLoopback(speaker.host) && socketPathOf(speaker) === null
    ? { host: speaker.host, port: address.port }
    : address;
}
