import { randomInt } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';

/** Where all test servers listen. */
export const LOOPBACK = '127.0.0.1';

/** Nobody listens here for real; see claimPort. */
const CLAIM_HOST = '127.0.0.2';
const LOWEST = 10_000;
const DEFAULT_EPHEMERAL = 32_768;

/** The claims live as long as this process. */
const claims = new Map<number, Server>();

/**
 * A port that stays ours until this process ends, also while the server that uses it is dead.
 *
 * Two dangers are kept off: an outgoing connection that is given the port by the kernel (so it is taken from
 * below the ephemeral range), and another run of the tests on this machine (so the same port is held on a
 * second loopback address, which every run asks for first, and which the kernel frees whatever happens to us).
 */
export async function claimPort(): Promise<number> {
  const highest = await lowestEphemeralPort();
  for (let attempt = 0; attempt < 200; attempt++) {
    const port = randomInt(LOWEST, highest);
    const claim = await listen(CLAIM_HOST, port);
    if (claim === undefined) continue;
    const trial = await listen(LOOPBACK, port);
    if (trial === undefined) {
      claim.close();
      continue;
    }
    await new Promise((resolve) => trial.close(resolve));
    claims.set(port, claim);
    return port;
  }
  throw new Error(`no free port between ${LOWEST} and ${highest}`);
}

/** Gives a port back before this process ends. */
export function releasePort(port: number): void {
  claims.get(port)?.close();
  claims.delete(port);
}

function listen(host: string, port: number): Promise<Server | undefined> {
  return new Promise((resolve) => {
    const server = createServer((socket) => socket.destroy());
    server.unref();
    server.once('error', () => {
      resolve(undefined);
    });
    server.listen({ host, port, exclusive: true }, () => {
      resolve(server);
    });
  });
}

async function lowestEphemeralPort(): Promise<number> {
  try {
    const lowest = Number((await readFile('/proc/sys/net/ipv4/ip_local_port_range', 'utf8')).split(/\s+/)[0]);
    return lowest > LOWEST + 1000 ? lowest : DEFAULT_EPHEMERAL;
  } catch {
    return DEFAULT_EPHEMERAL;
  }
}
