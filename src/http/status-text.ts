import type { AgentStatus } from '../failover/status.js';
import type { MemberView } from '../failover/member-view.js';
import { describeMembership } from '../mysql/cluster.js';
import type { Switch, Timeline } from '../failover/switch.js';
import { countOf, formatBytes, formatCount, formatDuration, formatSeconds } from '../util/quantities.js';

/** Switches that are shown; `/status` as JSON has more. */
const shownSwitches = 5;
/** What an agent that stands by can tell, from the leader's last checkpoint; the rest is the leader's to say. */
const shownOnStandby: ReadonlySet<string> = new Set(['state', 'at', 'hint', 'injector', 'trail']);

/** The view for people. Pure. */
export function renderStatus(status: AgentStatus): string {
  const { checkpoint, shadow, sink, trail } = status;
  const lines: [string, string][] = [
    ['state', stateText(status)],
    ['at', status.coordinates ?? 'nowhere yet'],
    ['hint', hintText(status)],
    ...injectorLines(status),
    ['lag', `${knownSeconds(status.lag.seconds)} behind the source, ${lagBytesText(status.lag.bytes)}`],
    ['last match', status.confidence ?? 'none yet'],
    [
      'delivered',
      `${countOf(status.records, 'change')} in ${countOf(status.transactions, 'transaction')}, ` +
        `${formatBytes(status.bytes)} read`,
    ],
    ['left out', `errant transactions of replicas: ${formatCount(status.errant)}`],
    ['trail', `${countOf(trail.transactions, 'transaction')}, ${countOf(trail.hints, 'hint')}`],
    ...(shadow === null ? [] : [['shadow', shadowText(shadow)] as [string, string]]),
    ['checkpoint', checkpointText(checkpoint)],
    [
      'sink',
      sink.trouble ??
        (sink.busyMs === null
          ? 'waits for more'
          : `at ${countOf(sink.backlog, 'record')} for ${formatDuration(sink.busyMs)}`),
    ],
  ];
  return [
    `${status.stream}: ${status.unhealthyBecause === null ? '✓ healthy' : `✗ ${status.unhealthyBecause}`}`,
    ...lines
      .filter(([name]) => status.phase.kind !== 'standby' || shownOnStandby.has(name))
      .map(([name, text]) => `  ${name.padEnd(11)} ${text}`),
    '',
    'members',
    ...table(status.members.map(memberRow)),
    ...status.members.flatMap(memberNotes),
    '',
    'last switches',
    ...(status.switches.length === 0 ? ['  none'] : status.switches.slice(-shownSwitches).map(switchText)),
  ].join('\n');
}

function stateText({ phase, finding }: AgentStatus): string {
  switch (phase.kind) {
    case 'starting':
      return 'starting';
    case 'streaming':
      return `streaming from ${phase.server} (${finding ?? 'not looked at yet'}) since ${timeText(phase.since)}`;
    case 'searching':
      return `looking for another server than ${phase.lost} (${phase.finding}) since ${timeText(phase.since)}`;
    case 'standby':
      return `standing by since ${timeText(phase.since)}; leader: ${phase.leader ?? 'not known'}`;
    case 'failed':
      return `failed at ${timeText(phase.since)}, tried again ${formatDuration(phase.retryMs)} later`;
    case 'stopped':
      return 'stopped';
  }
}

function hintText({ anchors, hint, hintAgeSeconds, sequence, canSwitch }: AgentStatus): string {
  if (anchors === 'gtid') return 'none needed: places are found by GTID';
  if (hint === null) return 'none yet: until one arrives, the loss of the server is an error';
  const age = hintAgeSeconds === null ? '' : `, ${formatSeconds(hintAgeSeconds)} old`;
  const lost = canSwitch ? '' : '; too old for a switch';
  return `${hint}${age}, ${countOf(sequence, 'transaction')} since${lost}`;
}

/** Nothing where neither an election nor a hint tells of an injector. */
function injectorLines({ injector: { lease, server, serverId } }: AgentStatus): [string, string][] {
  const place = server ?? (serverId === null ? null : `the server with server_id ${String(serverId)}`);
  const last = place === null ? [] : [`the last hint was injected on ${place}`];
  if (lease === null) return last.map((text) => ['injector', text]);
  const { holder, since, waiting } = lease;
  const held =
    holder === null || since === null
      ? 'no `waymark inject --pool` holds the lease'
      : `${holder}, seen since ${timeText(since)}`;
  const others = waiting === null || waiting.length === 0 ? [] : [`waiting: ${waiting.join(', ')}`];
  return [['injector', [held, ...others, ...last].join('; ')]];
}

function lagBytesText(bytes: number | null): string {
  if (bytes === null) return "the server's log end isn't known";
  return `${formatBytes(bytes)} of the server's log to read`;
}

function shadowText({
  server,
  ahead,
  behind,
  bufferedBytes,
  inDoubt,
}: NonNullable<AgentStatus['shadow']>): string {
  const stands =
    ahead + behind === 0 ? 'level' : `${countOf(ahead, 'transaction')} ahead, ${formatCount(behind)} behind`;
  const doubt = inDoubt ? ', in doubt: it differed of late' : '';
  return `${server}, ${stands}, ${formatBytes(bufferedBytes)} kept${doubt}`;
}

function checkpointText({
  ageSeconds,
  failures,
  droppedEntries,
  failing,
}: AgentStatus['checkpoint']): string {
  const saved = ageSeconds === null ? 'none yet' : `saved ${formatSeconds(ageSeconds)} ago`;
  const failed = failures === 0 ? '' : `, ${countOf(failures, 'failure')}`;
  const cut =
    droppedEntries === 0
      ? ''
      : `, without the trail's ${countOf(droppedEntries, 'oldest entry', 'oldest entries')}`;
  return failing === null
    ? saved + failed + cut
    : `${saved}${failed}${cut}, can't be saved for ${formatSeconds(failing.seconds)}: ${failing.reason}`;
}

function memberRow(view: MemberView): string[] {
  const { evidence } = view;
  const replication = evidence?.replication ?? null;
  return [
    `${view.reading ? '→' : ' '} ${view.server}`,
    view.finding,
    ...(replication === null
      ? [evidence?.cluster ? describeMembership(evidence.cluster) : '', '']
      : [`replica of ${replication.source}`, `lag ${knownSeconds(replication.lagSeconds)}`]),
    [
      ...(view.role === 'member' ? [] : [view.role]),
      ...(view.priority === 0 ? [] : [`priority ${view.priority}`]),
      ...(view.avoided ? ['avoided'] : []),
    ].join(', '),
  ];
}

function memberNotes({ server, reasons, inTheWay, equal, evidence }: MemberView): string[] {
  // Of a server that isn't reached the reasons say so already.
  const obstacle =
    inTheWay === null || evidence?.reachable === false ? [] : [`the stream can't go on there: ${inTheWay}`];
  const shown =
    equal === null
      ? []
      : [
          `proved equal until ${timeText(equal.until)}: ${countOf(equal.transactions, 'transaction')} ` +
            `since ${timeText(equal.since)}`,
        ];
  return [...reasons, ...obstacle, ...shown].map((note) => `    ${server}: ${note}`);
}

function table(rows: readonly (readonly string[])[]): string[] {
  const widths = rows.reduce<number[]>(
    (sum, row) => row.map((cell, index) => Math.max(sum[index] ?? 0, cell.length)),
    [],
  );
  return rows.map((row) =>
    `  ${row.map((cell, index) => cell.padEnd(widths[index] ?? 0)).join('  ')}`.trimEnd(),
  );
}

function switchText(change: Switch): string {
  const way = change.from === null ? change.to : `${change.from} → ${change.to}`;
  const facts = [
    change.finding,
    ...(change.confidence === null ? [] : [change.confidence]),
    ...(change.blackoutMs === null
      ? []
      : [`blackout ${formatDuration(change.blackoutMs)}${timelineText(change.timeline)}`]),
  ];
  return `  ${timeText(change.at)}  ${way}  ${facts.join(', ')}`;
}

function timelineText(timeline: Timeline | null): string {
  if (timeline === null) return '';
  const parts = [
    ['detect', timeline.detectMs],
    ['choose', timeline.chooseMs],
    ['locate', timeline.locateMs],
    ['verify', timeline.verifyMs],
    ['first record', timeline.firstRecordMs],
  ] as const;
  const shown = parts.flatMap(([name, ms]) => (ms === null ? [] : [`${name} ${formatDuration(ms)}`]));
  return shown.length === 0 ? '' : ` (${shown.join(', ')})`;
}

function timeText(ms: number): string {
  return new Date(ms).toISOString();
}

function knownSeconds(seconds: number | null): string {
  return seconds === null ? 'unknown' : formatSeconds(seconds);
}
