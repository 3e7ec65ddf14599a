import { describeMembership } from '../../mysql/cluster.js';
import { describeVersion } from '../../preflight/settings-findings.js';
import { parseServerVersion } from '../../mysql/version.js';
import type { AtStart, CheckFinding } from '../../check/check-finding.js';
import { countOf, formatSeconds } from '../../util/quantities.js';
import type { CheckedServer, CheckReport } from '../../check/report.js';

/** The report for people: by server, what is fine (✓), wrong (✗) or to be minded (!), with what to do about it. */
export function renderReport({ servers, findings, notes, checkpoint, created, run }: CheckReport): string {
  const sections = servers.map((server) => {
    const own = findings.filter((finding) => finding.server === server.server);
    return [heading(server), ...(own.length === 0 ? ['  ✓ no problems'] : []), ...own.flatMap(lines)];
  });
  const place =
    checkpoint.server === null
      ? 'none yet'
      : `${checkpoint.server} ${checkpoint.file ?? ''}:${String(checkpoint.position)}, ${checkpoint.savedAt ?? ''}`;
  const others = findings.filter((finding) => finding.server === null);
  const unread = others.some(
    ({ code }) =>
      code === 'missing-table' || (code.startsWith('checkpoint-') && code !== 'checkpoint-server'),
  );
  sections.push([
    'checkpoint, election, sink, pool',
    ...created.map((table) => `  ✓ created the table ${table}`),
    ...(unread ? [] : [`  ✓ checkpoint ${checkpoint.location}: ${place}`]),
    ...others.flatMap(lines),
    ...notes.map((note) => `  · ${note}`),
  ]);
  const count = (severity: CheckFinding['severity']): number =>
    findings.filter((finding) => finding.severity === severity).length;
  const total = `${countOf(count('error'), 'error')}, ${countOf(count('warning'), 'warning')}: ${runWords(run)}`;
  return [...sections.map((section) => section.join('\n')), total].join('\n\n');
}

function heading({ server, version, role, replicatesFrom, cluster, lastHint }: CheckedServer): string {
  const parts = [server];
  if (version !== null) parts.push(describeVersion(parseServerVersion(version)));
  if (role === 'source') parts.push('source');
  if (role === 'binlog-server') parts.push('binlog server');
  if (role === 'replica') parts.push(`replica of ${replicatesFrom.join(', ')}`);
  if (cluster !== null) parts.push(describeMembership(cluster));
  if (lastHint !== null) {
    const { hint, ageSeconds, serverId } = lastHint;
    const age = ageSeconds === null ? '' : `${formatSeconds(ageSeconds)} old, `;
    parts.push(`newest hint ${hint} (${age}from server_id ${String(serverId)})`);
  }
  return parts.join('  ');
}

function lines({ server, severity, message, fix }: CheckFinding): string[] {
  // The heading names the server already.
  const text =
    server !== null && message.startsWith(`${server} `) ? message.slice(server.length + 1) : message;
  return [`  ${severity === 'error' ? '✗' : '!'} ${text}`, `      → ${fix}`];
}

function runWords(run: AtStart): string {
  switch (run) {
    case 'refuses':
      return 'waymark run refuses to start';
    case 'waits':
      return 'waymark run starts, and waits for what is unavailable';
    case 'goes-on':
      return 'waymark run starts';
  }
}
