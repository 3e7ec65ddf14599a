import { socketPathOf } from '../config/address.js';
import type { Confidence } from '../matching/match-state.js';
import { dialectOf } from '../mysql/dialect.js';
import { isBinlogServer, type ServerFacts, sourceAddress } from '../mysql/server-facts.js';
import type { ServerVersion } from '../mysql/version.js';
import { WaymarkError } from '../util/errors.js';
import type { Look } from './look.js';
import type { Ancestor } from './source-chain.js';

/** What an operator may insist on. */
export const forces = ['format', 'version', 'unverified'] as const;
export type Force = (typeof forces)[number];

/** Why a replica isn't moved below a server. */
type RefusalReason =
  | 'same-server'
  | 'same-server-id'
  | 'unix-socket'
  | 'binlog-server'
  | 'not-a-replica'
  | 'multi-source'
  | 'applier-error'
  | 'target-replicates-from-replica'
  | 'target-logs-nothing'
  | 'mysql-below-mariadb'
  | 'newer-above-older'
  | 'rows-above-statements'
  | 'gtid-mode'
  | 'unverified'
  | 'elsewhere'
  | 'source-alive';

export type Refusal = { readonly reason: RefusalReason; readonly message: string };

/** A replica, the server that it shall replicate from, and what is above that. */
export type Pair = {
  readonly replica: Look;
  readonly target: Look;
  readonly above: readonly Ancestor[];
};

/** Why the replica can't go below the target, by what can be said without reading logs. Pure; null when it can. */
export function refusalOf(pair: Pair, forced: ReadonlySet<Force>): Refusal | null {
  return (
    identityRefusal(pair) ??
    addressRefusal(pair.target) ??
    channelRefusal(pair.replica) ??
    loopRefusal(pair) ??
    loggingRefusal(pair.target) ??
    vendorRefusal(pair) ??
    (forced.has('version') ? null : versionRefusal(pair)) ??
    (forced.has('format') ? null : formatRefusal(pair)) ??
    gtidRefusal(pair)
  );
}

/** Why a place that was found isn't good enough; null when it is. */
export function proofRefusal(confidence: Confidence, forced: ReadonlySet<Force>): Refusal | null {
  if (confidence !== 'unverified' || forced.has('unverified')) return null;
  return {
    reason: 'unverified',
    message:
      'only hints are the same, and nothing after them could be compared: there is nothing, or one of the two logs rows ' +
      'and the other statements. Use --force unverified to do it anyway',
  };
}

/** As an error, with its reason as a detail. */
export function refusalError(replica: Look, target: Look, { reason, message }: Refusal): WaymarkError {
  return new WaymarkError('refused', `${replica.server} is not moved below ${target.server}: ${message}`, {
    details: { reason, replica: replica.server, below: target.server },
  });
}

function identityRefusal({ replica, target }: Pair): Refusal | null {
  const [own, other] = [replica.inspection.facts, target.inspection.facts];
  if (own.serverId !== other.serverId) return null;
  if (replica.server === target.server || own.uuid === other.uuid) {
    return { reason: 'same-server', message: `they are the same server. Name another one with --below` };
  }
  return {
    reason: 'same-server-id',
    message: `both have server_id ${String(own.serverId)}, and a replica refuses events with its own. Give each its own`,
  };
}

/** A replica is told where its source is. */
function addressRefusal({ instance, server }: Look): Refusal | null {
  if (socketPathOf(instance.address) === null) return null;
  return {
    reason: 'unix-socket',
    message: `${server} is no address for a replica: name the server by the host and the port where replicas reach it`,
  };
}

/** Why a server can't be moved, wherever to; null when it can. */
export function channelRefusal({ server, inspection }: Look): Refusal | null {
  if (isBinlogServer(inspection.facts)) {
    return {
      reason: 'binlog-server',
      message: `${server} is a binlog server, a copy of its source's logs: it is neither moved nor promoted`,
    };
  }
  const [first, ...others] = inspection.channels;
  if (first === undefined) {
    return {
      reason: 'not-a-replica',
      message:
        `${server} is not a replica, so there is no account and no place to keep. ` +
        'Make it a replica by hand; `waymark correlate` finds the coordinates',
    };
  }
  if (others.length > 0) {
    const sources = inspection.channels.map(sourceAddress).join(', ');
    return {
      reason: 'multi-source',
      message: `${server} replicates from several sources (${sources}), and its log doesn't tell their places apart. Move each channel by hand`,
    };
  }
  if (!first.applierRunning && first.applierError !== '') {
    return {
      reason: 'applier-error',
      message: `the applier of ${server} has stopped with an error: ${first.applierError}. Repair that first`,
    };
  }
  return null;
}

function loopRefusal({ replica, target, above }: Pair): Refusal | null {
  const { serverId, uuid } = replica.inspection.facts;
  const loop = above.find(
    (ancestor) =>
      ancestor.server === replica.server ||
      (ancestor.serverId === serverId && (ancestor.uuid === '' || ancestor.uuid === uuid)),
  );
  if (loop === undefined) return null;
  const through = loop.through.length === 0 ? '' : ` (through ${loop.through.join(', ')})`;
  return {
    reason: 'target-replicates-from-replica',
    message:
      `${target.server} replicates from ${replica.server} itself${through}, and neither would get anything new. ` +
      `Move ${target.server} away first`,
  };
}

/** Why nothing can replicate from a server; null when others can. */
export function loggingRefusal({ server, inspection }: Look): Refusal | null {
  const { binaryLogging, logsReplicatedChanges } = inspection.facts;
  const isReplica = inspection.channels.length > 0;
  if (binaryLogging && (logsReplicatedChanges || !isReplica)) return null;
  const setting = binaryLogging ? dialectOf(inspection.facts.version).logUpdatesVariable : 'log_bin';
  return {
    reason: 'target-logs-nothing',
    message:
      `${server} doesn't write what it replicates to its binary log (${setting} is OFF), ` +
      'so nothing would come from it. Set it in its option file and restart it, or choose another server',
  };
}

function vendorRefusal({ replica, target }: Pair): Refusal | null {
  const [own, other] = [versionOf(replica), versionOf(target)];
  if (own.vendor !== 'mysql' || other.vendor !== 'mariadb') return null;
  return {
    reason: 'mysql-below-mariadb',
    message: `MySQL (${replica.server}, ${own.text}) can't replicate from MariaDB (${target.server}, ${other.text}): its receiver stops at MariaDB's events`,
  };
}

/** Within a vendor: a newer server may log what an older one doesn't understand. */
function versionRefusal({ replica, target }: Pair): Refusal | null {
  const [own, other] = [versionOf(replica), versionOf(target)];
  const newer = other.major > own.major || (other.major === own.major && other.minor > own.minor);
  if (own.vendor !== other.vendor || !newer) return null;
  return {
    reason: 'newer-above-older',
    message: `${target.server} (${other.text}) is newer than ${replica.server} (${own.text}), which may not understand what it logs. Use --force version to do it anyway`,
  };
}

/** A server that logs statements can apply rows, but stops when it has to log them (ER_BINLOG_ROW_INJECTION_AND_STMT_MODE). */
function formatRefusal({ replica, target }: Pair): Refusal | null {
  const [own, other]: ServerFacts[] = [replica.inspection.facts, target.inspection.facts];
  if (own === undefined || other === undefined) return null;
  const logs = own.binaryLogging && own.logsReplicatedChanges;
  if (!logs || own.binlogFormat !== 'STATEMENT' || other.binlogFormat === 'STATEMENT') return null;
  return {
    reason: 'rows-above-statements',
    message:
      `${target.server} logs rows (binlog_format is ${other.binlogFormat}), and ${replica.server} can't write these ` +
      `to its own log (binlog_format is STATEMENT). Change the format on ${replica.server}, or use --force format to do it anyway`,
  };
}

/** MySQL 8.0 manual, 19.1.4.1, "Valid combinations of source and replica gtid_mode". */
const gtidModes = ['OFF', 'OFF_PERMISSIVE', 'ON_PERMISSIVE', 'ON'] as const;

function gtidRefusal({ replica, target }: Pair): Refusal | null {
  const own = gtidModes.findIndex((mode) => mode === replica.gtidMode);
  const other = gtidModes.findIndex((mode) => mode === target.gtidMode);
  // A replica takes anonymous transactions up to ON_PERMISSIVE, and such with GTIDs from OFF_PERMISSIVE on.
  if (own < 0 || other < 0) return null;
  const fits = (own === 0 && other <= 1) || own === 1 || own === 2 || (own === 3 && other >= 2);
  if (fits) return null;
  return {
    reason: 'gtid-mode',
    message: `gtid_mode is ${replica.gtidMode} on ${replica.server} and ${target.gtidMode} on ${target.server}, and the servers refuse that. Bring them closer first (OFF_PERMISSIVE, ON_PERMISSIVE)`,
  };
}

function versionOf({ inspection }: Look): ServerVersion {
  return inspection.facts.version;
}
