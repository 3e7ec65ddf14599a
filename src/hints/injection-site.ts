import { formatAddress } from '../config/address.js';
import type { ServerConnection } from '../mysql/connection.js';
import type { Instance } from '../mysql/instance.js';
import { errorNumberOf, isDenied, serverTextOf, unlessDenied } from '../mysql/server-error.js';
import { dialectOf } from '../mysql/dialect.js';
import { quoteName } from '../mysql/quote.js';
import {
  isBinlogServer,
  readReplicationChannels,
  readServerFacts,
  type ServerFacts,
  text,
} from '../mysql/server.js';
import { WaymarkError } from '../util/errors.js';
import type { HintFormat } from './hint.js';

/** An identifier has 64 characters at most (both vendors), and what follows the prefix has 38. */
const longestPrefix = 64 - 'asc:00000000:0000000000000000:00000000'.length;

/** ER_OPTION_PREVENTS_STATEMENT (read_only, super_read_only), ER_READ_ONLY_MODE, ER_CANT_EXECUTE_IN_READ_ONLY_TRANSACTION. */
const readOnlyNumbers = new Set([1290, 1836, 1792]);

/**
 * Makes sure that hints may be born on this server: it replicates from nobody, writes a binary log, and this session's
 * statements get there.
 *
 * @returns whether it could be seen that it replicates from nobody; an account without the privilege for that may
 *   inject all the same.
 * @throws WaymarkError `unsuitable-server`, or `config` for a prefix that is too long.
 */
export async function requireInjectionSite(
  connection: ServerConnection,
  instance: Instance,
  format: HintFormat,
): Promise<{ readonly replicationSeen: boolean }> {
  const server = formatAddress(instance.address);
  if (format.prefix.length > longestPrefix) {
    throw new WaymarkError(
      'config',
      `hints.prefix "${format.prefix}" is too long for the hints to be names: at most ${String(longestPrefix)} characters`,
    );
  }
  const facts = await readServerFacts(connection);
  if (isBinlogServer(facts)) {
    throw unsuitable(server, "is a binlog server: it only copies its source's logs. Inject on the source");
  }
  if (!facts.binaryLogging) {
    throw unsuitable(
      server,
      'writes no binary log (log_bin is OFF), so a hint would leave no trace. Inject on a source that does',
    );
  }
  const replicationSeen = await refuseReplica(connection, server, facts);
  await refuseFilteredLog(connection, server, facts);
  const [session] = await connection.query('SELECT @@session.sql_log_bin AS logged');
  if (text(session?.['logged']) !== '1') {
    throw unsuitable(
      server,
      'keeps this account out of its binary log (sql_log_bin is 0 in its sessions; see init_connect). ' +
        'Inject with another account',
    );
  }
  return { replicationSeen };
}

async function refuseReplica(
  connection: ServerConnection,
  server: string,
  facts: ServerFacts,
): Promise<boolean> {
  const channels = await unlessDenied(() => readReplicationChannels(connection, facts.version));
  const sources = channels?.map((channel) => `${channel.sourceHost}:${String(channel.sourcePort)}`) ?? [];
  const [source] = sources;
  if (source !== undefined) {
    throw unsuitable(
      server,
      `is a replica of ${sources.join(' and ')}, and hints belong on the source: inject there. ` +
        '(If it has been promoted, make it forget its source: RESET REPLICA ALL)',
      { sources },
    );
  }
  if (facts.readOnly) {
    throw unsuitable(server, 'is read-only, so it is no source. Inject on the source');
  }
  return channels !== null;
}

/** A hint has no default database, and a log that is limited to some databases leaves such statements out. */
async function refuseFilteredLog(
  connection: ServerConnection,
  server: string,
  { version }: ServerFacts,
): Promise<void> {
  const rows = await unlessDenied(() => connection.query(dialectOf(version).binaryLogStatus));
  const only = text(rows?.[0]?.['Binlog_Do_DB']);
  if (only === '') return;
  throw unsuitable(
    server,
    `writes only the databases ${only} to its binary log (binlog_do_db), and no hints`,
  );
}

/**
 * A server's refusal to inject, in words for the operator; null when the error is none (a lost connection, say).
 * @param privileges what the statement needs in the hint schema.
 */
export function injectionRefusal(
  error: unknown,
  instance: Instance,
  format: HintFormat,
  privileges = 'DROP',
): WaymarkError | null {
  const errorNumber = errorNumberOf(error);
  if (errorNumber === null) return null;
  const server = formatAddress(instance.address);
  const details = { server, errorNumber };
  if (isDenied(errorNumber)) {
    return new WaymarkError(
      'missing-grant',
      `${server} does not let "${instance.account.user}" inject hints: ${serverTextOf(error)}. ` +
        `Grant it: GRANT ${privileges} ON ${quoteName(format.schema)}.* TO …`,
      { cause: error, details },
    );
  }
  if (readOnlyNumbers.has(errorNumber)) {
    return new WaymarkError(
      'unsuitable-server',
      `${server} is read-only, so it is no source. Inject on the source`,
      {
        cause: error,
        details,
      },
    );
  }
  return null;
}

function unsuitable(server: string, what: string, details: Record<string, unknown> = {}): WaymarkError {
  return new WaymarkError('unsuitable-server', `${server} ${what}`, { details: { server, ...details } });
}
