import type { PreflightFinding, PreflightCode } from './preflight-finding.js';
import { type ClusterFinding, troubleOf } from '../mysql/cluster.js';
import { type ReplicationChannel, type ServerFacts, sourceAddress } from '../mysql/server-facts.js';
import { noBinaryLog } from '../mysql/server-error.js';
import type { ServerState } from '../mysql/server-state.js';
import { isAtLeast, type ServerVersion } from '../mysql/version.js';
import { formatSeconds } from '../util/quantities.js';

const largeLagSeconds = 60;
const largeClockOffsetMs = 10_000;

/** Judges one server's settings and replication: everything that is wrong, errors first. Pure. */
export function settingsFindings(state: ServerState): PreflightFinding[] {
  // A binlog server has no settings of its own. Its logs are what its source wrote.
  const own =
    state.facts.version.binlogServer === true ? [] : [...versionFindings(state), ...binlogFindings(state)];
  const findings = [
    ...own,
    ...identityFindings(state),
    ...clusterFindings(state),
    ...sourceFindings(state),
    ...(state.channels ?? []).flatMap((channel) => channelFindings(state, channel)),
    ...filterFindings(state),
    ...clockFindings(state),
  ];
  return [
    ...findings.filter(({ severity }) => severity === 'error'),
    ...findings.filter(({ severity }) => severity === 'warning'),
  ];
}

/** The replication filters and log filters that keep changes out of a server's binary log. */
export function filtersOf({ channels, binlogFilters }: ServerState): string[] {
  const ofLog = (binlogFilters ?? []).map(({ name, value }) => `${name}=${value}`);
  return [...(channels ?? []).flatMap(({ filters }) => filters), ...ofLog].toSorted();
}

function versionFindings({ server, facts: { version } }: ServerState): PreflightFinding[] {
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

function binlogFindings({ server, facts, channels }: ServerState): PreflightFinding[] {
  if (!facts.binaryLogging) {
    const fix = 'Set log_bin in its option file and restart it';
    return [finding(server, 'error', 'binary-log-off', noBinaryLog, fix)];
  }
  const findings: PreflightFinding[] = [];
  const add = (...rest: [PreflightFinding['severity'], PreflightCode, string, string]): void => {
    findings.push(finding(server, ...rest));
  };
  if (facts.binlogFormat !== 'ROW') {
    add(
      'error',
      'binlog-format',
      `logs statements instead of rows (binlog_format is ${facts.binlogFormat})`,
      `${setting('binlog_format', 'ROW')}. Open sessions keep the old value until they reconnect`,
    );
  }
  if (facts.rowImage !== 'FULL') {
    add(
      'error',
      'binlog-row-image',
      `logs rows with columns left out (binlog_row_image is ${facts.rowImage})`,
      `${setting('binlog_row_image', 'FULL')}. Open sessions keep the old value until they reconnect`,
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
  if ((facts.cluster !== null || (channels?.length ?? 0) > 0) && !facts.logsReplicatedChanges) {
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

function metadataFinding(server: string, { version, rowMetadata }: ServerFacts): PreflightFinding {
  const has = version.vendor === 'mariadb' ? isAtLeast(version, 10, 5) : isAtLeast(version, 8, 0, 1);
  return finding(
    server,
    'warning',
    'binlog-row-metadata',
    `doesn't log the names of columns (${has ? `binlog_row_metadata is ${rowMetadata}` : 'too old for binlog_row_metadata'}): ` +
      'rows from before a change of their table stop the stream, unless it has followed that change (unprovedNames)',
    has ? setting('binlog_row_metadata', 'FULL') : 'Upgrade it, or let the agent run while you alter tables',
  );
}

function identityFindings({ server, facts }: ServerState): PreflightFinding[] {
  if (facts.serverId !== 0) return [];
  const fix = 'Give it a server_id of its own in its option file (and SET GLOBAL server_id = …)';
  return [
    finding(server, 'error', 'server-id', 'has server_id 0, with which a server serves no replicas', fix),
  ];
}

/** What operators can do about a trouble that doesn't pass by itself. */
const clusterFixes: Readonly<Record<ClusterFinding, string>> = {
  'not-in-primary-component':
    'Mend the network between the nodes, or start the others. If they are lost for good, bootstrap a new primary component',
  'not-synced': 'Nothing, if it is joining. Otherwise see the error logs of the node and of its donor',
  'group-member-recovering': 'Nothing, if it is catching up. Otherwise see its error log',
  'group-member-error':
    'Fix what its error log says, then STOP GROUP_REPLICATION and START GROUP_REPLICATION',
  'group-member-offline': 'START GROUP_REPLICATION. If it has left the group for good, uninstall the plugin',
  'group-without-majority':
    'Mend the network between the members, or start the others. If they are lost for good, set group_replication_force_members',
};

function clusterFindings({ server, facts: { cluster } }: ServerState): PreflightFinding[] {
  if (cluster === null) return [];
  const trouble = troubleOf(cluster);
  const findings: PreflightFinding[] = [];
  if (trouble !== null) {
    const what = `can't be read now: ${trouble.reason}`;
    findings.push(finding(server, 'error', trouble.finding, what, clusterFixes[trouble.finding]));
  }
  if (cluster.kind === 'galera' && !cluster.sameGtids) {
    findings.push(
      finding(
        server,
        'warning',
        'wsrep-gtid-mode',
        'numbers transactions by itself (wsrep_gtid_mode is OFF): after a transaction on one node alone (wsrep_on=OFF, ' +
          'wsrep_OSU_method=RSU), the nodes have different GTIDs for the same transactions, and waymark takes them for different ones',
        'Set wsrep_gtid_mode = ON, one wsrep_gtid_domain_id, and a gtid_domain_id of its own, in the option file of each node',
      ),
    );
  }
  return findings;
}

/**
 * Each replica mixes what comes through several channels in its own way, and one channel may be hours behind the other:
 * then what it lacks may come before any anchor. Lag and standstill are judged by one channel, too. So waymark refuses
 * such a replica, also where GTIDs could prove its place.
 */
function sourceFindings({ server, facts, channels }: ServerState): PreflightFinding[] {
  if (channels === null || channels.length <= 1) return [];
  const from = channels
    .map((channel) => `${sourceAddress(channel)} as ${channel.name === '' ? 'the default' : channel.name}`)
    .join(', ');
  const word = facts.version.vendor === 'mariadb' ? 'connections' : 'channels';
  const forget =
    facts.version.vendor === 'mariadb' ? "RESET SLAVE 'NAME' ALL" : "RESET REPLICA ALL FOR CHANNEL 'NAME'";
  return [
    finding(
      server,
      'error',
      'multi-source',
      `is a multi-source replica (${word}: ${from}): its log mixes them in its own way, so no place in it can be proved ` +
        'to be the same as on another server',
      `Leave it out of the pool, and read a replica of each source instead. If one of the ${word} is no longer used, ` +
        `stop it and remove it (${forget})`,
    ),
  ];
}

function channelFindings({ server }: ServerState, channel: ReplicationChannel): PreflightFinding[] {
  const name = channel.name === '' ? '' : ` (channel ${channel.name})`;
  const source = `${sourceAddress(channel)}${name}`;
  const findings: PreflightFinding[] = [];
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
        `receives nothing from its source ${source}: its ${stopped} is not running${reason}`,
        'Fix the cause of the error, then START REPLICA. If it should no longer replicate, RESET REPLICA ALL',
      ),
    );
  }
  if (channel.delaySeconds > 0) {
    const message = `is ${formatSeconds(channel.delaySeconds)} behind its source ${source} on purpose`;
    const fix = 'Leave it out of the pool, or set its delay to 0';
    findings.push(finding(server, 'warning', 'replication-delayed', message, fix));
  } else if (channel.lagSeconds !== null && channel.lagSeconds > largeLagSeconds) {
    const message = `lags ${formatSeconds(channel.lagSeconds)} behind its source ${source}`;
    const fix = 'Nothing, if it is catching up. A switch to it brings nothing new until it has';
    findings.push(finding(server, 'warning', 'replication-lag', message, fix));
  }
  return findings;
}

function filterFindings(state: ServerState): PreflightFinding[] {
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

function clockFindings({ server, clockOffsetMs }: ServerState): PreflightFinding[] {
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
  severity: PreflightFinding['severity'],
  code: PreflightCode,
  what: string,
  fix: string,
): PreflightFinding {
  return { server, severity, code, message: `${server} ${what}`, fix };
}
