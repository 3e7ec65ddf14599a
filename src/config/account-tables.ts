/** The schema of the servers' own tables, on both vendors. */
export const systemSchema = 'mysql';

/**
 * The servers' own tables with accounts, privileges or secrets: password hashes, passwords for other servers, bodies
 * of routines and events (which may set passwords). By plain names, as both vendors have them: MySQL 8.0 to 9.7 and
 * its plugins, MariaDB 10.5 to 11.8 and its plugins.
 */
const accountTables: ReadonlySet<string> = new Set([
  // Both vendors; `user` is a view of `global_priv` on MariaDB since 10.4.
  ...['user', 'db', 'tables_priv', 'columns_priv', 'procs_priv', 'proxies_priv', 'servers'],
  // MySQL.
  ...['global_grants', 'role_edges', 'default_roles', 'password_history'],
  ...['slave_master_info', 'slave_relay_log_info', 'slave_worker_info'],
  ...['replication_asynchronous_connection_failover', 'replication_asynchronous_connection_failover_managed'],
  ...['audit_log_user', 'audit_log_filter', 'firewall_users', 'firewall_groups', 'firewall_membership'],
  // MariaDB.
  ...['global_priv', 'roles_mapping', 'password_reuse_check_history', 'host', 'proc', 'event'],
  ...['spider_tables', 'spider_link_mon_servers', 'spider_link_failed_log', 'spider_xa_member'],
]);

/** Whether a table is one of the servers' own that hold accounts or secrets. */
export function isAccountTable(schema: string, table: string): boolean {
  return schema === systemSchema && accountTables.has(table);
}
