import type { TestServer } from '../servers/index.js';
import { agentAccount } from '../support/grants.js';

/** Kills the agents' connections to a server whose command is accepted. */
export async function killConnections(
  server: TestServer,
  accepts: (command: string) => boolean,
): Promise<void> {
  const list = await server.query<{ Id: number; User: string; Command: string }>('SHOW PROCESSLIST');
  const mine = list.filter(({ User, Command }) => User === agentAccount.user && accepts(Command));
  for (const { Id } of mine) {
    // It may have ended by itself.
    await server.query(`KILL CONNECTION ${Id}`).catch(() => undefined);
  }
}
