import { parseZooKeeperAddress } from '../../src/config/zookeeper-address.js';
import { startClient } from '../../src/zookeeper/choose-client.js';
import type { SessionKey } from '../../src/zookeeper/zookeeper-calls.js';
import type { ClientKind } from '../../src/zookeeper/zookeeper-connection.js';
import type { ZooKeeperClient } from '../../src/zookeeper/zookeeper-client.js';
import { whyNoZooKeeperClient } from '../setup/dependencies.mjs';

/** The native client can't be loaded by what is started with this in its environment. */
const withoutNative = `--import ${new URL('broken-client.mjs', import.meta.url).href}`;

/**
 * Which of the two clients for ZooKeeper this run is about (WAYMARK_TEST_ZOOKEEPER_CLIENT); null: whichever agents choose.
 */
export function wantedClient(): ClientKind | null {
  const wanted = process.env['WAYMARK_TEST_ZOOKEEPER_CLIENT'];
  if (wanted === undefined || wanted === 'native' || wanted === 'javascript') return wanted ?? null;
  throw new Error(`WAYMARK_TEST_ZOOKEEPER_CLIENT is ${wanted}: it can be native or javascript`);
}

/** Whether what is started here has the native client. */
export function usesNativeClient(): boolean {
  return wantedClient() !== 'javascript' && whyNoZooKeeperClient() === null;
}

/** The environment of an agent that uses the client which this run is about. */
export function clientEnvironment(
  environment: Readonly<Record<string, string>> = {},
): Record<string, string> {
  if (wantedClient() !== 'javascript') return environment;
  const given = environment['NODE_OPTIONS'];
  return { ...environment, NODE_OPTIONS: given === undefined ? withoutNative : `${given} ${withoutNative}` };
}

/** A client as an agent has it, which a test uses by itself; must be closed. Resolves when it is connected. */
export async function connectClient(
  connect: string,
  {
    digest = null,
    sessionTimeoutMs = 20_000,
    session = null,
  }: {
    readonly digest?: string | null;
    readonly sessionTimeoutMs?: number;
    readonly session?: SessionKey | null;
  } = {},
): Promise<ZooKeeperClient> {
  const address = parseZooKeeperAddress(connect);
  const { signal } = new AbortController();
  const client = await startClient({ address, sessionTimeoutMs, digest, session }, signal);
  await client.connected;
  return client;
}
