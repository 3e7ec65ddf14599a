import { formatAddress } from '../config/address.js';
import { connect } from '../mysql/connection.js';
import type { Instance } from '../mysql/instance.js';
import type { Look } from '../repoint/look.js';
import { sourceAddress } from '../mysql/server-facts.js';
import { hasCode, WaymarkError } from '../util/errors.js';

const connectLimitMs = 5_000;

/**
 * Makes sure that a server is dead: it can't be reached, and none of its replicas is connected to it.
 * @throws WaymarkError `refused` with what speaks against it.
 */
export async function requireDeath(
  dead: Instance,
  replicas: readonly Look[],
  signal: AbortSignal,
): Promise<void> {
  const server = formatAddress(dead.address);
  if (await answers(dead, signal)) {
    throw alive(server, `${server} answers. To move replicas of a living server, use waymark repoint`);
  }
  const connected = replicas.find(({ inspection }) =>
    inspection.channels.some((channel) => channel.receiverRunning && sourceAddress(channel) === server),
  );
  if (connected) {
    throw alive(
      server,
      `${server} can't be reached from here, but ${connected.server} is still connected to it. Is it cut off from us, ` +
        'or does it hang? Stop it for good, wait until its replicas have noticed, and try again',
    );
  }
}

/** Also one that refuses our account is alive. */
async function answers(instance: Instance, signal: AbortSignal): Promise<boolean> {
  try {
    await (await connect(instance, { signal, connectTimeoutMs: connectLimitMs })).close();
    return true;
  } catch (error) {
    signal.throwIfAborted();
    if (hasCode(error, 'server-unreachable')) return false;
    if (hasCode(error, 'access-denied')) return true;
    throw error;
  }
}

function alive(server: string, why: string): WaymarkError {
  return new WaymarkError('refused', `${server} is not dead: ${why}`, {
    details: { server, reason: 'source-alive' },
  });
}
