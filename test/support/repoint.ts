import { Secret } from '../../src/config/secret.js';
import { defaultHintFormat } from '../../src/hints/hint.js';
import type { Instance } from '../../src/mysql/instance.js';
import { repoint, type RepointOptions, type RepointResult } from '../../src/repoint/repoint.js';
import type { TestServer } from '../servers/index.js';
import { messageOf } from '../servers/wait.js';

/** Where a server is, and the account with all privileges. */
type Control = Pick<TestServer, 'name' | 'host' | 'port' | 'user' | 'password'>;

/** The server as the product knows it, with all privileges. */
export function controlOf(server: Control): Instance {
  return {
    address: { host: server.host, port: server.port },
    account: { user: server.user, password: new Secret(server.password), getServerPublicKey: true },
  };
}

/** Moves a replica below another server, as `waymark repoint --execute` does. */
export async function moveBelow(
  replica: Control,
  below: Control,
  options: Partial<RepointOptions> = {},
): Promise<RepointResult> {
  const steps: string[] = [];
  const startedAt = performance.now();
  const note = (step: string): void => {
    steps.push(`${((performance.now() - startedAt) / 1000).toFixed(1)} s  ${step}`);
  };
  try {
    const result = await repoint({
      replica: controlOf(replica),
      below: controlOf(below),
      execute: true,
      forced: new Set(),
      awaitHint: true,
      format: defaultHintFormat,
      signal: new AbortController().signal,
      onStep: note,
      ...options,
    });
    // Slow ones say where the time went.
    if (performance.now() - startedAt > 10_000) console.log(steps.join('\n'));
    return result;
  } catch (error) {
    throw new Error(`${messageOf(error)}, of ${replica.name} below ${below.name}\n${steps.join('\n')}`, {
      cause: error,
    });
  }
}

/** The environment in which `waymark` has all privileges on a server. */
export function controlEnvironment(server: TestServer): Record<string, string> {
  return { WAYMARK_USER: server.user, WAYMARK_PASSWORD: server.password };
}
