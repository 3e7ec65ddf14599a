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
  /** Where it says that it is; null when it doesn't (it has no report_host). */
  readonly address: Address | null;
};

/**
 * The replicas that are connected to a server now, as it lists them; null when the account may not see the list:
 * MySQL wants REPLICATION SLAVE for it, MariaDB since 10.5.2 REPLICATION MASTER ADMIN; a binlog server may not know it.
 */
export async function readReplicaList(
  connection: ServerConnection,
  version: ServerVersion,
): Promise<ListedReplica[] | null> {
  const ask = (): Promise<Row[]> => connection.query(dialectOf(version).replicas);
  const rows = await unlessUnanswered(version, () => unlessDenied(ask), null);
  if (rows === null) return null;
  return rows.map((row) => {
    // MySQL writes Server_Id, MariaDB Server_id.
    const host = valueText(row['Host']).toLowerCase();
    const port = Number(row['Port']);
    const address = host === '' || !(port > 0) ? null : { host, port };
    return { serverId: Number(row['Server_Id'] ?? row['Server_id']), address };
  });
}

/**
 * The hosts from which a server's binary log is being read, by its list of threads: replicas, but also other readers.
 * Without the privilege PROCESS a server shows the account's own threads only.
 */
export async function readDumpHosts(connection: ServerConnection): Promise<string[]> {
  const rows = await connection.query('SHOW PROCESSLIST');
  return dumpHosts(rows.map((row) => ({ command: valueText(row['Command']), host: valueText(row['Host']) })));
}

/** Of threads the hosts of those that send the binary log, each once. Pure. */
export function dumpHosts(threads: readonly { readonly command: string; readonly host: string }[]): string[] {
  const hosts = threads
    .filter(({ command }) => /^binlog dump/i.test(command))
    // `host:port` of the connection, whose port tells nothing; IPv6 may stand without brackets.
    .map(({ host }) =>
      host
        .replace(/:\d+$/, '')
        .replace(/^\[(.*)\]$/, '$1')
        .toLowerCase(),
    );
  return [...new Set(hosts)].filter((host) => host !== '');
}
