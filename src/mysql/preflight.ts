import { formatAddress } from '../config/address.js';
import type { FilterPatterns } from '../config/table-filter.js';
import { messageOf, WaymarkError } from '../util/errors.js';
import { TimeOver } from '../util/limits.js';
import { askServer } from './ask.js';
import type { ServerConnection } from './connection.js';
import { dialectOf } from './dialect.js';
import type { Finding } from './findings.js';
import { type Grants, parseGrants } from './grants.js';
import type { Instance } from './instance.js';
import { quoteAccount, quoteName } from './quote.js';
import {
  isBinlogServer,
  readReplicationChannels,
  readServerFacts,
  type ServerFacts,
  text,
} from './server.js';
import { errorNumberOf, isOfServer, unlessDenied } from './server-error.js';
import { finding, type ServerState, settingsFindings } from './settings-findings.js';
import { isAtLeast, type ServerVersion } from './version.js';
import { formatDuration } from '../util/quantities.js';

export { type Finding, preflightRefusal } from './findings.js';

/** What was found at one server. */
export type ServerReport = {
  /** `host:port` */
  readonly server: string;
  /** Null when the server could not be asked. */
  readonly state: ServerState | null;
  readonly findings: readonly Finding[];
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
 * Lists everything that is wrong at one server, at once; it only reads. Never rejects for what is wrong there, also
 * when the server can't be reached or doesn't answer in time: that is a finding, too.
 * @throws the signal's reason when it fires.
 */
export async function preflight(instance: Instance, options: PreflightOptions): Promise<readonly Finding[]> {
  return (await examineServer(instance, options)).findings;
}

/** As {@link preflight}, with what was read to judge by. */
export async function examineServer(instance: Instance, options: PreflightOptions): Promise<ServerReport> {
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
): Promise<ServerReport> {
  const facts = await readServerFacts(connection, kind);
  if (isBinlogServer(facts)) return examineBinlogServer(connection, server, facts);
  const clockOffsetMs = await readClockOffset(connection);
  const account = text((await connection.query('SELECT CURRENT_USER() AS account'))[0]?.['account']);
  const lacking = (privilege: string, what: string): Finding =>
    missingGrant(server, account, 'error', privilege, `*.*`, what);

  const channels = await unlessDenied(() => readReplicationChannels(connection, facts.version));
  const binlogFilters = await unlessDenied(() => readBinlogFilters(connection, facts.version));
  const grants = await readGrants(connection);

  const grantFindings: Finding[] = [];
  if (grants !== null && !grants.has('REPLICATION SLAVE')) {
    grantFindings.push(lacking('REPLICATION SLAVE', "can't read the binary log"));
  }
  if (binlogFilters === null) {
    grantFindings.push(lacking(binlogMonitorGrant(facts.version), "can't list the binary logs"));
  }
  if (channels === null) {
    const privilege = replicaMonitorGrant(facts.version);
    if (!grantFindings.some(({ message }) => message.includes(privilege))) {
      grantFindings.push(lacking(privilege, "can't see the state of replication"));
    }
  }
  if (grants !== null) grantFindings.push(...columnFindings(server, account, facts, grants, tables));
  const state: ServerState = { server, facts, channels, binlogFilters, clockOffsetMs };
  return { server, state, findings: [...grantFindings, ...settingsFindings(state)] };
}

/** What it lacks shows when its log is read: it knows neither grants nor settings. */
async function examineBinlogServer(
  connection: ServerConnection,
  server: string,
  facts: ServerFacts,
): Promise<ServerReport> {
  const channels = await readReplicationChannels(connection, facts.version);
  const state: ServerState = { server, facts, channels, binlogFilters: [], clockOffsetMs: null };
  return { server, state, findings: settingsFindings(state) };
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

/** Null when the server doesn't say; then what is missing shows when it is needed. */
async function readGrants(connection: ServerConnection): Promise<Grants | null> {
  try {
    const rows = await connection.query('SHOW GRANTS');
    return parseGrants(rows.map((row) => text(Object.values(row)[0])));
  } catch (error) {
    if (errorNumberOf(error) === noSuchGrantNumber) return null;
    throw error;
  }
}

async function readBinlogFilters(connection: ServerConnection, version: ServerVersion): Promise<string[]> {
  const [row] = await connection.query(dialectOf(version).binaryLogStatus);
  return ['Binlog_Do_DB', 'Binlog_Ignore_DB']
    .map((name) => [name, text(row?.[name])] as const)
    .filter(([, value]) => value !== '')
    .map(([name, value]) => `${name}=${value}`);
}

async function readClockOffset(connection: ServerConnection): Promise<number> {
  const askedAt = Date.now();
  const [row] = await connection.query('SELECT UNIX_TIMESTAMP(NOW(6)) AS now');
  const answeredAt = Date.now();
  return Number(text(row?.['now'])) * 1000 - (askedAt + answeredAt) / 2;
}

/** Where the log doesn't name columns, INFORMATION_SCHEMA does, for accounts that may read the table. */
function columnFindings(
  server: string,
  account: string,
  facts: ServerFacts,
  grants: Grants,
  tables: FilterPatterns | undefined,
): Finding[] {
  if (facts.rowMetadata === 'FULL') return [];
  const what =
    "can't look up column names, so that rows of tables that the stream has not seen made stop it (unprovedNames)";
  const warn = (scope: string): Finding => missingGrant(server, account, 'warning', 'SELECT', scope, what);
  const schemas = (tables?.include ?? ['*.*']).map((pattern) => pattern.slice(0, pattern.indexOf('.')));
  if (schemas.some((schema) => schema.includes('*'))) return grants.seesSomeColumns ? [] : [warn('*.*')];
  return [...new Set(schemas)]
    .filter((schema) => !grants.seesColumnsIn(schema))
    .map((schema) => warn(`${quoteName(schema)}.*`));
}

function missingGrant(
  server: string,
  account: string,
  severity: Finding['severity'],
  privilege: string,
  scope: string,
  what: string,
): Finding {
  return finding(
    server,
    severity,
    'missing-grant',
    `${what}: the account ${quoteAccount(account)} lacks the privilege ${privilege}`,
    `GRANT ${privilege} ON ${scope} TO ${quoteAccount(account)}`,
  );
}

/** Why a server could not be examined. Its error holds advice as well, which a finding has in `fix`. */
function failureFinding(
  server: string,
  { account }: Instance,
  error: WaymarkError,
  timeoutMs: number,
): Finding {
  const reason = messageOf(error.cause ?? error);
  if (error.cause instanceof TimeOver) {
    const what = `did not answer within ${formatDuration(timeoutMs)}`;
    return finding(server, 'error', 'server-unreachable', what, 'See whether it hangs or is overloaded');
  }
  if (error.code === 'access-denied') {
    const what = `refuses the account "${account.user}": ${reason}`;
    const fix =
      'Check user and password (WAYMARK_USER, WAYMARK_PASSWORD or the config file) and the host it is for';
    return finding(server, 'error', 'access-denied', what, fix);
  }
  if (error.code === 'server-unreachable') {
    const fix = 'Start it, or correct its address; see that a firewall lets us through';
    return finding(server, 'error', 'server-unreachable', `cannot be reached: ${reason}`, fix);
  }
  const what = `broke off while it was asked for its settings: ${reason}`;
  return finding(server, 'error', 'server-unreachable', what, "See the server's error log");
}
