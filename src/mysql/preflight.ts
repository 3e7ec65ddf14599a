import type { Connection } from 'mysql2/promise';
import { formatAddress } from '../config/address.js';
import type { FilterPatterns } from '../config/table-filter.js';
import { abortable } from '../util/abortable.js';
import { hasCode, messageOf, WaymarkError } from '../util/errors.js';
import { close, connect, discard } from './connection.js';
import type { Instance } from './instance.js';
import { isServerError, unlessDenied } from './server-error.js';
import { dialectOf } from './dialect.js';
import type { Finding } from './findings.js';
import { type Grants, parseGrants } from './grants.js';
import { quoteAccount, quoteName } from './quote.js';
import {
  isBinlogServer,
  query,
  readReplicationChannels,
  readServerFacts,
  type ServerFacts,
  text,
} from './server.js';
import { finding, type ServerState, settingsFindings } from './settings-findings.js';
import { isAtLeast, type ServerVersion } from './version.js';

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
  const timeout = AbortSignal.timeout(timeoutMs);
  const signal = AbortSignal.any([options.signal, timeout]);
  const unknown = (found: Finding): ServerReport => ({ server, state: null, findings: [found] });
  let connection: Connection;
  try {
    connection = await connect(instance, { signal });
  } catch (error) {
    options.signal.throwIfAborted();
    if (timeout.aborted) return unknown(silence(server, timeoutMs));
    return unknown(connectFinding(server, instance, error));
  }
  // A frozen server leaves queries unanswered for ever; ending the connection makes them fail.
  const abort = (): void => {
    discard(connection);
  };
  signal.addEventListener('abort', abort, { once: true });
  try {
    return await abortable(
      examine(connection, server, { tables: options.tables, kind: instance.kind }),
      signal,
    );
  } catch (error) {
    options.signal.throwIfAborted();
    if (timeout.aborted) return unknown(silence(server, timeoutMs));
    // What neither the server, the connection nor waymark itself has raised on purpose is a mistake of ours.
    const foreseen = error instanceof Error && ('code' in error || 'fatal' in error);
    if (!foreseen) throw error;
    return unknown(brokenFinding(server, error));
  } finally {
    signal.removeEventListener('abort', abort);
    await close(connection);
  }
}

async function examine(
  connection: Connection,
  server: string,
  { tables, kind }: { tables: FilterPatterns | undefined; kind: Instance['kind'] },
): Promise<ServerReport> {
  const facts = await readServerFacts(connection, kind);
  if (isBinlogServer(facts)) return examineBinlogServer(connection, server, facts);
  const clockOffsetMs = await readClockOffset(connection);
  const account = text((await query(connection, 'SELECT CURRENT_USER() AS account'))[0]?.['account']);
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
  connection: Connection,
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
async function readGrants(connection: Connection): Promise<Grants | null> {
  try {
    const rows = await query(connection, 'SHOW GRANTS');
    return parseGrants(rows.map((row) => text(Object.values(row)[0])));
  } catch (error) {
    if (isServerError(error) && error.errno === noSuchGrantNumber) return null;
    throw error;
  }
}

async function readBinlogFilters(connection: Connection, version: ServerVersion): Promise<string[]> {
  const [row] = await query(connection, dialectOf(version).binaryLogStatus);
  return ['Binlog_Do_DB', 'Binlog_Ignore_DB']
    .map((name) => [name, text(row?.[name])] as const)
    .filter(([, value]) => value !== '')
    .map(([name, value]) => `${name}=${value}`);
}

async function readClockOffset(connection: Connection): Promise<number> {
  const askedAt = Date.now();
  const [row] = await query(connection, 'SELECT UNIX_TIMESTAMP(NOW(6)) AS now');
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
  const what = "can't look up column names, so that columns are called @1, @2, …";
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

function connectFinding(server: string, { account }: Instance, error: unknown): Finding {
  if (hasCode(error, 'access-denied')) {
    return {
      server,
      severity: 'error',
      code: 'access-denied',
      message: reasonAlone(error, `${server} refuses the account "${account.user}"`),
      fix: 'Check user and password (WAYMARK_USER, WAYMARK_PASSWORD or the config file) and the host it is for',
    };
  }
  return {
    server,
    severity: 'error',
    code: 'server-unreachable',
    message: reasonAlone(error, `${server} cannot be reached`),
    fix: 'Start it, or correct its address; see that a firewall lets us through',
  };
}

/** connect()'s message holds advice as well, which a finding has in `fix`: say the cause alone. */
function reasonAlone(error: unknown, what: string): string {
  const cause = error instanceof WaymarkError ? error.cause : error;
  return `${what}: ${messageOf(cause ?? error)}`;
}

function silence(server: string, timeoutMs: number): Finding {
  const what = `did not answer within ${String(timeoutMs)} ms`;
  return finding(server, 'error', 'server-unreachable', what, 'See whether it hangs or is overloaded');
}

function brokenFinding(server: string, error: unknown): Finding {
  const what = `broke off while it was asked for its settings: ${messageOf(error)}`;
  return finding(server, 'error', 'server-unreachable', what, "See the server's error log");
}
