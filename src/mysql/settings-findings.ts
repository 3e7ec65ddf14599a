import type { Finding, PreflightCode } from './findings.js';
import type { ReplicationChannel, ServerFacts } from './server.js';
import { isAtLeast, type ServerVersion } from './version.js';
import { formatSeconds } from '../util/quantities.js';

/** What is known of a server when its settings are judged. Null: could not be read. */
export type ServerState = {
  /** `host:port`, for the messages. */
  readonly server: string;
  readonly facts: ServerFacts;
  readonly channels: readonly ReplicationChannel[] | null;
  /** Filters of the binary log itself, as `name=value`. */
  readonly binlogFilters: readonly string[] | null;
  /** Server's clock minus ours, in milliseconds. */
  readonly clockOffsetMs: number | null;
};

const largeLagSeconds = 60;
const largeClockOffsetMs = 10_000;

/** Judges one server's settings and replication: everything that is wrong, errors first. Pure. */
export function settingsFindings(state: ServerState): Finding[] {
  // A binlog server has no settings of its own: what its source wrote is what it has.
  const own =
    state.facts.version.binlogServer === true ? [] : [...versionFindings(state), ...binlogFindings(state)];
  const findings = [
    ...own,
    ...identityFindings(state),
    ...(state.channels ?? []).flatMap((channel) => channelFindings(state, channel)),
    ...filterFindings(state),
    ...clockFindings(state),
  ];
  return [
    ...findings.filter(({ severity }) => severity === 'error'),
    ...findings.filter(({ severity }) => severity === 'warning'),
  ];
}

/** The filters that keep changes out of a server's binary log: of replication, and of the log itself. */
export function filtersOf({ channels, binlogFilters }: ServerState): string[] {
  return [...(channels ?? []).flatMap(({ filters }) => filters), ...(binlogFilters ?? [])].toSorted();
}

function versionFindings({ server, facts: { version } }: ServerState): Finding[] {
  const mariadb = version.vendor === 'mariadb';
  // binlog_row_image, without which nobody can know that rows are complete: MySQL 5.6, MariaDB 10.1.6.
  const possible = mariadb ? isAtLeast(version, 10, 1, 6) : isAtLeast(version, 5, 6, 2);
  const tried = mariadb ? isAtLeast(version, 10, 11) : isAtLeast(version, 8, 0);
  if (tried) return [];
  const versions = 'MariaDB 10.11 or later, MySQL 8.0 or later';
  return [
    finding(
      server,
      possible ? 'warning' : 'error',
      'old-version',
      `runs ${describeVersion(version)}, ${possible ? 'on which waymark is not tested' : 'too old for waymark'}`,
      `Use ${versions}`,
    ),
  ];
}

function binlogFindings({ server, facts, channels }: ServerState): Finding[] {
  if (!facts.binaryLogging) {
    const fix = 'Set log_bin in its option file and restart it';
    return [finding(server, 'error', 'binary-log-off', 'writes no binary log (log_bin is OFF)', fix)];
  }
  const findings: Finding[] = [];
  const add = (...rest: [Finding['severity'], PreflightCode, string, string]): void => {
    findings.push(finding(server, ...rest));
  };
  if (facts.binlogFormat !== 'ROW') {
    add(
      'error',
      'binlog-format',
      `logs statements instead of rows (binlog_format is ${facts.binlogFormat})`,
      `${setting('binlog_format', 'ROW')}; sessions that are open keep the old one until they reconnect`,
    );
  }
  if (facts.rowImage !== 'FULL') {
    add(
      'error',
      'binlog-row-image',
      `logs rows with columns left out (binlog_row_image is ${facts.rowImage})`,
      `${setting('binlog_row_image', 'FULL')}; sessions that are open keep the old one until they reconnect`,
    );
  }
  if (/PARTIAL_JSON/i.test(facts.rowValueOptions)) {
    add(
      'error',
      'partial-json',
      'logs changed JSON documents in part only (binlog_row_value_options is PARTIAL_JSON)',
      setting('binlog_row_value_options', ''),
    );
  }
  if (channels !== null && channels.length > 0 && !facts.logsReplicatedChanges) {
    const name = facts.version.vendor === 'mariadb' ? 'log_slave_updates' : 'log_replica_updates';
    add(
      'error',
      'no-log-updates',
      `doesn't write what it replicates to its own binary log (${name} is OFF)`,
      `Set ${name} = ON in its option file and restart it`,
    );
  }
  if (facts.rowMetadata !== 'FULL') findings.push(metadataFinding(server, facts));
  if (channels !== null && channels.length > 0 && !facts.keepsCommitOrder) {
    add(
      'warning',
      'commit-order',
      'may commit in another order than its source (replica_preserve_commit_order is OFF): ' +
        'switches to and from it are at best "reordered", and its records have other ids',
      setting('replica_preserve_commit_order', 'ON') + ' while its applier is stopped',
    );
  }
  return findings;
}

function metadataFinding(server: string, { version, rowMetadata }: ServerFacts): Finding {
  const has = version.vendor === 'mariadb' ? isAtLeast(version, 10, 5) : isAtLeast(version, 8, 0, 1);
  return finding(
    server,
    'warning',
    'binlog-row-metadata',
    `doesn't log column names (${has ? `binlog_row_metadata is ${rowMetadata}` : 'too old for binlog_row_metadata'}): ` +
      'rows that were logged before a change of their table which the stream has not followed stop it (unprovedNames)',
    has ? setting('binlog_row_metadata', 'FULL') : 'Upgrade it, or have the agent run when you alter tables',
  );
}

function identityFindings({ server, facts }: ServerState): Finding[] {
  if (facts.serverId !== 0) return [];
  const fix = 'Give it a server_id of its own in its option file (and SET GLOBAL server_id = …)';
  return [
    finding(server, 'error', 'server-id', 'has server_id 0, with which a server serves no replicas', fix),
  ];
}

function channelFindings({ server }: ServerState, channel: ReplicationChannel): Finding[] {
  const name = channel.name === '' ? '' : ` (channel ${channel.name})`;
  const source = `${channel.sourceHost}:${String(channel.sourcePort)}${name}`;
  const findings: Finding[] = [];
  const stopped = [
    ...(channel.receiverRunning ? [] : ['receiver (IO thread)']),
    ...(channel.applierRunning ? [] : ['applier (SQL thread)']),
  ].join(' and ');
  if (stopped !== '') {
    const reason = channel.lastError === '' ? '' : `: ${channel.lastError}`;
    findings.push(
      finding(
        server,
        'warning',
        'replication-stopped',
        `gets nothing from its source ${source}: its ${stopped} is not running${reason}`,
        'Mend what the error says, then START REPLICA; if it shall replicate no more, RESET REPLICA ALL',
      ),
    );
  }
  if (channel.delaySeconds > 0) {
    const message = `is ${formatSeconds(channel.delaySeconds)} behind its source ${source} on purpose`;
    const fix = 'Leave it out of the pool, or set its delay to 0';
    findings.push(finding(server, 'warning', 'replication-delayed', message, fix));
  } else if (channel.lagSeconds !== null && channel.lagSeconds > largeLagSeconds) {
    const message = `lags ${formatSeconds(channel.lagSeconds)} behind its source ${source}`;
    const fix = 'Nothing, if it is catching up; a switch to it shows nothing new until it has';
    findings.push(finding(server, 'warning', 'replication-lag', message, fix));
  }
  return findings;
}

function filterFindings(state: ServerState): Finding[] {
  const filters = filtersOf(state);
  if (filters.length === 0) return [];
  return [
    finding(
      state.server,
      'warning',
      'replication-filters',
      `leaves changes out of its binary log (${filters.join(', ')}): waymark can't deliver them`,
      'Remove the filters, or give all members of the pool the same ones',
    ),
  ];
}

function clockFindings({ server, clockOffsetMs }: ServerState): Finding[] {
  if (clockOffsetMs === null || Math.abs(clockOffsetMs) < largeClockOffsetMs) return [];
  const seconds = Math.round(Math.abs(clockOffsetMs) / 1000);
  const way = clockOffsetMs > 0 ? 'ahead of' : 'behind';
  const message = `has a clock that is ${formatSeconds(seconds)} ${way} this machine's: ages and lags shown are wrong by that`;
  return [finding(server, 'warning', 'clock', message, 'Let both follow a time server')];
}

function setting(name: string, value: string): string {
  const literal = /^(ON|OFF)$/.test(value) ? value : `'${value}'`;
  return `SET GLOBAL ${name} = ${literal}, and in its option file`;
}

/** `MariaDB 10.11.19`, for people. */
export function describeVersion({ vendor, major, minor, patch }: ServerVersion): string {
  return `${vendor === 'mariadb' ? 'MariaDB' : 'MySQL'} ${String(major)}.${String(minor)}.${String(patch)}`;
}

/** A finding whose message begins with the server. */
export function finding(
  server: string,
  severity: Finding['severity'],
  code: PreflightCode,
  what: string,
  fix: string,
): Finding {
  return { server, severity, code, message: `${server} ${what}`, fix };
}
