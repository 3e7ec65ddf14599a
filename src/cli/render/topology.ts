import type {
  ChannelReport,
  LivingServerReport,
  ServerReport,
  TopologyReport,
} from '../../topology/report.js';
import { describeMembership } from '../../mysql/cluster.js';
import { parseServerVersion } from '../../mysql/version.js';
import { describeVersion } from '../../preflight/settings-findings.js';
import { formatSeconds } from '../../util/quantities.js';

/** A topology as people read it: a line for each server, indented below its source. */
export function renderTopology({ roots, servers }: TopologyReport): string {
  const byName = new Map(servers.map((server) => [server.server, server]));
  const shown = new Set<string>();
  const rows: Row[] = [];
  const add = (name: string, source: string | null, lead: string, branch: string, indent: string): void => {
    const server = byName.get(name);
    if (server === undefined) return;
    if (shown.has(name)) {
      rows.push({ tree: `${lead}${branch}${name}`, cells: ['(shown above)'], notes: [] });
      return;
    }
    shown.add(name);
    rows.push({ tree: `${lead}${branch}${name}`, ...describe(server, source) });
    server.replicas.forEach((replica, index) => {
      const last = index === server.replicas.length - 1;
      add(replica, name, lead + indent, last ? '└─ ' : '├─ ', last ? '   ' : '│  ');
    });
  };
  for (const root of roots) add(root, null, '', '', '');
  return layOut(rows);
}

type Row = { readonly tree: string; readonly cells: readonly string[]; readonly notes: readonly string[] };

function describe(server: ServerReport, source: string | null): Omit<Row, 'tree'> {
  const also = server.also.length === 0 ? [] : [`also ${server.also.join(', ')}`];
  if (server.state === 'dead') return { cells: [`dead: ${server.reason}`], notes: also };
  const channels = server.replicatesFrom.filter((channel) => source === null || channel.server === source);
  return {
    cells: [
      describeVersion(parseServerVersion(server.version)),
      server.binlogFormat ?? 'no binlog',
      roleOf(server),
      server.cluster === null ? '' : describeMembership(server.cluster),
      channels.map(lagOf).join(', '),
      channels.map(threadsOf).join(', '),
      gtidOf(server, channels),
      hintOf(server),
    ],
    notes: [...also, ...notesOf(server, channels)],
  };
}

function roleOf({ kind, readOnly }: LivingServerReport): string {
  if (kind === 'binlog-server') return 'binlog server';
  return readOnly ? 'read-only' : 'writable';
}

function lagOf({ lagSeconds, delaySeconds }: ChannelReport): string {
  const lag = lagSeconds === null ? 'lag ?' : `lag ${formatSeconds(lagSeconds)}`;
  return delaySeconds === 0 ? lag : `${lag} (delayed by ${formatSeconds(delaySeconds)})`;
}

function threadsOf({ receiver, applier }: ChannelReport): string {
  if (receiver === 'Yes' && applier === 'Yes') return 'threads run';
  if (receiver === 'No' && applier === 'No') return 'threads stopped';
  const word = (state: string): string => {
    if (state === 'Yes') return 'runs';
    return state === 'No' ? 'stopped' : state.toLowerCase();
  };
  return `receiver ${word(receiver)}, applier ${word(applier)}`;
}

function gtidOf({ gtids }: LivingServerReport, channels: readonly ChannelReport[]): string {
  if (!gtids) return 'no GTIDs';
  return channels.some(({ byGtid }) => byGtid) ? 'by GTID' : 'GTIDs';
}

function hintOf({ hint, hintAgeSeconds }: LivingServerReport): string {
  if (hint === null) return 'no hint seen';
  return hintAgeSeconds === null ? `hint ${hint}` : `hint ${formatSeconds(hintAgeSeconds)} old`;
}

function notesOf(server: LivingServerReport, channels: readonly ChannelReport[]): string[] {
  const errors = channels.flatMap(({ error }) => (error === null ? [] : [error]));
  // A server that nobody could replicate from is worth a word; the others are as they should be.
  const leaf =
    server.replicatesFrom.length > 0 && !server.logsReplicatedChanges
      ? ["doesn't log what it replicates: nothing can replicate from it"]
      : [];
  return [...errors, ...leaf, ...server.notes];
}

/** Columns as wide as their widest cell; notes on lines of their own. */
function layOut(rows: readonly Row[]): string {
  const full = rows.filter(({ cells }) => cells.length > 1);
  const width = (column: number): number =>
    Math.max(0, ...full.map(({ cells }) => cells[column]?.length ?? 0));
  const treeWidth = Math.max(...rows.map(({ tree }) => tree.length));
  return rows
    .flatMap(({ tree, cells, notes }) => {
      const padded = cells.length === 1 ? cells : cells.map((cell, column) => cell.padEnd(width(column)));
      // A column that is empty everywhere takes no room.
      const line = [tree.padEnd(treeWidth), ...padded.filter((cell) => cell !== '')].join('  ').trimEnd();
      return [line, ...notes.map((note) => `${' '.repeat(treeWidth)}  ! ${note}`)];
    })
    .join('\n');
}
