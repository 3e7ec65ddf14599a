import { formatAddress } from '../config/address.js';
import type { FilterPatterns } from '../config/table-filter.js';
import { messageOf, WaymarkError } from '../util/errors.js';
import { TimeOver } from '../util/limits.js';
import { askServer } from '../mysql/ask.js';
import type { ServerConnection } from '../mysql/connection.js';
import type { PreflightFinding } from './preflight-finding.js';
import { type Grants, parseGrants } from '../mysql/grants.js';
import type { Instance } from '../mysql/instance.js';
import { quoteAccount, quoteName } from '../mysql/quote.js';
import { isBinlogServer, type ServerFacts, valueText } from '../mysql/server-facts.js';
import { errorNumberOf, isOfServer } from '../mysql/server-error.js';
import { readServerState, type ServerState } from '../mysql/server-state.js';
import { finding, settingsFindings } from './settings-findings.js';
import { isAtLeast, type ServerVersion } from '../mysql/version.js';
import { formatDuration } from '../util/quantities.js';

export { type PreflightFinding, preflightRefusal } from './preflight-finding.js';

/** The findings for one server. */
export type PreflightReport = {
  /** `host:port` */
  readonly server: string;
  /** Null if the server could not be asked. */
  readonly state: ServerState | null;
  readonly findings: readonly PreflightFinding[];
};

export type PreflightOptions = {
  readonly signal: AbortSignal;
  /** For all of it; default 10 s. */
  readonly timeoutMs?: number;
  /** The tables that shall be delivered: the account must see their columns where the log doesn't name them. */
  readonly tables?: FilterPatterns;
};

const defaultTimeoutMs = 10_000;

/**
 * Lists everything that is wrong on one server. It only reads. Problems there never reject the promise. If the server
 * can't be reached or doesn't answer in time, that is a finding, too.
 * @throws the signal's reason when it fires.
 */
export async function preflight(
  instance: Instance,
  options: PreflightOptions,
): Promise<readonly PreflightFinding[]> {
  return (await examineServer(instance, options)).findings;
}

/** Like {@link preflight}, with the facts that were read. */
export async function examineServer(instance: Instance, options: PreflightOptions): Promise<PreflightReport> {
  const server = formatAddress(instance.address);
  const timeoutMs = options.timeoutMs ?? defaultTimeoutMs;
  const { signal, tables } = options;
  const question = { purpose: 'say how it is set', signal, limitMs: timeoutMs };
  try {
    return await askServer(instance, question, (connection) =>
      examine(connection, server, { tables, kind: instance.kind }),
    );
  } catch (error) {
    signal.throwIfAborted();
    if (!isOfServer(error)) throw error;
    return { server, state: null, findings: [failureFinding(server, instance, error, timeoutMs)] };
  }
}

async function examine(
  connection: ServerConnection,
  server: string,
  { tables, kind }: { tables: FilterPatterns | undefined; kind: Instance['kind'] },
): Promise<PreflightReport> {
  const state = await readServerState(connection, server, kind);
  // A binlog server knows neither grants nor settings. Problems show when its log is read.
  const lacking = isBinlogServer(state.facts) ? [] : await grantFindings(connection, state, tables);
  return { server, state, findings: [...lacking, ...settingsFindings(state)] };
}

async function grantFindings(
  connection: ServerConnection,
  { server, facts, channels, binlogFilters }: ServerState,
  tables: FilterPatterns | undefined,
): Promise<PreflightFinding[]> {
  const account = valueText((await connection.query('SELECT CURRENT_USER() AS account'))[0]?.['account']);
  const lacking = (privilege: string, what: string): PreflightFinding =>
    missingGrant(server, account, 'error', privilege, `*.*`, what);
  const grants = await readGrants(connection);
  const findings: PreflightFinding[] = [];
  if (connection.fromMemory) findings.push(memoryFinding(server, account));
  if (grants !== null && !grants.has('REPLICATION SLAVE')) {
    findings.push(lacking('REPLICATION SLAVE', "can't read the binary log"));
  }
  if (binlogFilters === null) {
    findings.push(lacking(binlogMonitorGrant(facts.version), "can't list the binary logs"));
  }
  if (channels === null) {
    const privilege = replicaMonitorGrant(facts.version);
    if (!findings.some(({ message }) => message.includes(privilege))) {
      findings.push(lacking(privilege, "can't see the state of replication"));
    }
  }
  if (facts.cluster?.kind === 'group-replication' && facts.cluster.state === null) {
    const what =
      "can't see the state of Group Replication, so the agent can't tell a member that was expelled";
    const table = 'performance_schema.replication_group_members';
    findings.push(missingGrant(server, account, 'warning', 'SELECT', table, what));
  }
  if (grants !== null) findings.push(...columnFindings(server, account, facts, grants, tables));
  return findings;
}

/** MySQL 8.0 Reference Manual, "Caching SHA-2 Pluggable Authentication": the cache is empty after a restart. */
function memoryFinding(server: string, account: string): PreflightFinding {
  return finding(
    server,
    'warning',
    'login-from-memory',
    `accepts the account ${account} because it remembers an earlier login. After a restart, or after FLUSH PRIVILEGES, ` +
      'it asks for the password itself, which waymark does not send over a connection that is not encrypted',
    'Use "tls", or a Unix socket, or name the server\'s key (serverPublicKey: FILE), or, on a ' +
      'trusted network, set getServerPublicKey: true',
  );
}

/** The privilege for SHOW BINARY LOGS and SHOW MASTER STATUS: MariaDB renamed it in 10.5.2. */
function binlogMonitorGrant(version: ServerVersion): string {
  return version.vendor === 'mariadb' && isAtLeast(version, 10, 5, 2)
    ? 'BINLOG MONITOR'
    : 'REPLICATION CLIENT';
}

/** The privilege for SHOW REPLICA STATUS: MariaDB split it off in 10.5.9. */
function replicaMonitorGrant(version: ServerVersion): string {
  return version.vendor === 'mariadb' && isAtLeast(version, 10, 5, 9)
    ? 'REPLICA MONITOR'
    : 'REPLICATION CLIENT';
}

/** ER_NONEXISTING_GRANT: accounts that are known by another way than the grant tables. */
const noSuchGrantNumber = 1141;

/** Null if the server doesn't say. Then a missing privilege shows when it is needed. */
async function readGrants(connection: ServerConnection): Promise<Grants | null> {
  try {
    const rows = await connection.query('SHOW GRANTS');
    return parseGrants(rows.map((row) => valueText(Object.values(row)[0])));
  } catch (error) {
    if (errorNumberOf(error) === noSuchGrantNumber) return null;
    throw error;
  }
}

/** If the log doesn't name columns, INFORMATION_SCHEMA does, for accounts that can read the table. */
function columnFindings(
  server: string,
  account: string,
  facts: ServerFacts,
  grants: Grants,
  tables: FilterPatterns | undefined,
): PreflightFinding[] {
  if (facts.rowMetadata === 'FULL') return [];
  const what =
    "can't look up names of columns: rows of a table stop the stream, unless it has read the table's CREATE TABLE (unprovedNames)";
  const warn = (scope: string): PreflightFinding =>
    missingGrant(server, account, 'warning', 'SELECT', scope, what);
  const schemas = (tables?.include ?? ['*.*']).map((pattern) => pattern.slice(0, pattern.indexOf('.')));
  if (schemas.some((schema) => schema.includes('*'))) return grants.seesSomeColumns ? [] : [warn('*.*')];
  return [...new Set(schemas)]
    .filter((schema) => !grants.seesColumnsIn(schema))
    .map((schema) => warn(`${quoteName(schema)}.*`));
}

function missingGrant(
  server: string,
  account: string,
  severity: PreflightFinding['severity'],
  privilege: string,
  scope: string,
  what: string,
): PreflightFinding {
  return finding(
    server,
    severity,
    'missing-grant',
    `${what}: the account ${quoteAccount(account)} lacks the privilege ${privilege}`,
    `GRANT ${privilege} ON ${scope} TO ${quoteAccount(account)}`,
  );
}

/** Why a server could not be examined. The error's message also has advice, which a finding has in `fix`. */
function failureFinding(
  server: string,
  { account }: Instance,
  error: WaymarkError,
  timeoutMs: number,
): PreflightFinding {
  const reason = messageOf(error.cause ?? error);
  if (error.cause instanceof TimeOver) {
    const what = `did not answer within ${formatDuration(timeoutMs)}`;
    return finding(server, 'error', 'server-unreachable', what, 'Check whether it hangs or is overloaded');
  }
  if (error.code === 'access-denied') {
    const what = `refuses the account "${account.user}": ${reason}`;
    const fix =
      'Check user and password (WAYMARK_USER, WAYMARK_PASSWORD or the config file) and the host it is for';
    return finding(server, 'error', 'access-denied', what, fix);
  }
  if (error.code === 'server-unreachable') {
    const fix = 'Start it, or correct its address. Check the firewall';
    return finding(server, 'error', 'server-unreachable', `cannot be reached: ${reason}`, fix);
  }
  const what = `broke the connection while it was asked for its settings: ${reason}`;
  return finding(server, 'error', 'server-unreachable', what, "See the server's error log");
}
