import type { TestServer, Vendor } from '../servers/index.js';

/** The privileges that show a server's logs and the state of its replication, by vendor. */
const monitors: Record<Vendor, string> = {
  mariadb: 'BINLOG MONITOR, REPLICA MONITOR',
  mysql: 'REPLICATION CLIENT',
};

/** What docs/setup.md says that the agent's account needs, and no more. */
export function agentPrivileges({ vendor }: { vendor: Vendor }): string {
  return `REPLICATION SLAVE, ${monitors[vendor]}`;
}

/** The same without what it takes to read the log. */
export function monitorPrivileges({ vendor }: { vendor: Vendor }): string {
  return monitors[vendor];
}

/** The agent's account on the servers of a scenario. */
export const agentAccount = { user: 'waymark', password: 'a password', getServerPublicKey: true };

/** Makes the agent's account, with what docs/setup.md says that it needs and no more. */
export async function createAgentAccount(source: TestServer): Promise<void> {
  const { user, password } = agentAccount;
  await source.query(`CREATE USER '${user}'@'%' IDENTIFIED BY '${password}'`);
  await source.query(`GRANT ${agentPrivileges(source)} ON *.* TO '${user}'@'%'`);
}
