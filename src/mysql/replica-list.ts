import type { Address } from '../config/address.js';
import { unlessUnanswered } from './binlog-server.js';
import type { Row, ServerConnection } from './connection.js';
import { dialectOf } from './dialect.js';
import { unlessDenied } from './server-error.js';
import { valueText } from './server-facts.js';
import type { ServerVersion } from './version.js';

/** A replica as its source lists it. */
export type ListedReplica = {
  readonly serverId: number;
  /** Where the replica says that it is. Null if it doesn't say (it has no report_host). */
  readonly address: Address | null;
};

/**
 * Reads the list of replicas that are connected to a server now. Null if the account may not see it, or a binlog server
 * doesn't know it. MySQL requires REPLICATION SLAVE, MariaDB since 10.5.2 REPLICATION MASTER ADMIN.
 */
export async function readReplicaList(
  connection: ServerConnection,
  version: ServerVersion,
): Promise<ListedReplica[] | null> {
  const ask = (): Promise<Row[]> => connection.query(dialectOf(version).replicas);
  const rows = await unlessUnanswered(version, () => unlessDenied(ask), null);
  if (rows === null) return null;
  return rows.map((row) => {
    // MySQL calls the column Server_Id, MariaDB Server_id.
    const host = valueText(row['Host']).toLowerCase();
    const port = Number(row['Port']);
    const address = host === '' || !(port > 0) ? null : { host, port };
    return { serverId: Number(row['Server_Id'] ?? row['Server_id']), address };
  });
}

/**
 * Reads from the list of threads which hosts are reading a server's binary log: replicas and other readers. Without the
 * privilege PROCESS, a server shows only the account's own threads.
 */
export async function readDumpHosts(connection: ServerConnection): Promise<string[]> {
  const rows = await connection.query('SHOW PROCESSLIST');
  return dumpHosts(rows.map((row) => ({ command: valueText(row['Command']), host: valueText(row['Host']) })));
}

/** Returns the hosts of the threads that send the binary log, each once. Pure. */
export function dumpHosts(threads: readonly { readonly command: string; readonly host: string }[]): string[] {
  const hosts = threads
    .filter(({ command }) => /^binlog dump/i.test(command))
    // The host is `host:port` of the connection. The port says nothing. IPv6 may have no brackets.
    .map(({ host }) =>
      host
        .replace(/:\d+$/, '')
        .replace(/^\[(.*)\]$/, '$1')
        .toLowerCase(),
    );
  return [...new Set(hosts)].filter((host) => host !== '');
}
