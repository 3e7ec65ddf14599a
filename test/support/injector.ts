import { join } from 'node:path';
import type { TestServer } from '../servers/index.js';
import { AgentProcess, type LogEvent } from './agent-process.js';
import type { AgentConfig, Scenario } from './scenario.js';

/** Lets the agent's account inject hints, too. */
export async function letInject(source: TestServer): Promise<void> {
  await source.query("GRANT DROP ON meta.* TO 'waymark'@'%'");
}

/** Starts `waymark inject --pool` as a process of its own. `name`: its folder. */
export async function startPoolInjector(
  stage: Scenario,
  name: string,
  change: AgentConfig = {},
): Promise<AgentProcess> {
  return AgentProcess.start({
    folder: join(stage.folder, name),
    config: stage.config(change),
    command: 'inject',
    args: ['--pool', '--every', '300ms', '--log-level', 'debug'],
  });
}

/** The hints that an injector has said that it injected, with where. */
export function injections(injector: AgentProcess): LogEvent[] {
  return injector.all('hint.injected');
}

/** Resolves when an injector has injected so many hints more on a server. */
export async function injected(injector: AgentProcess, server: TestServer, more = 1): Promise<void> {
  for (let count = 0; count < more; count += 1) {
    await injector.next('hint.injected', (event) => event['server'] === server.address);
  }
}
