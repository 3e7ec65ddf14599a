import type { AgentStatus } from '../failover/status.js';
import type { MemberView } from '../failover/members.js';
import type { Switch, Timeline } from '../failover/state.js';

/** Switches that are shown; `/status` as JSON has more. */
const shownSwitches = 5;
/** What an agent that stands by can tell, from the leader's last checkpoint; the rest is the leader's to say. */
const shownOnStandby: ReadonlySet<string> = new Set(['state', 'at', 'hint', 'trail']);

/** The view for people. Pure. */
export function renderStatus(status: AgentStatus): string {
  const { checkpoint, sink, trail } = status;
  const lines: [string, string][] = [
    ['state', stateText(status)],
    ['at', status.coordinates ?? 'nowhere yet'],
    ['hint', hintText(status)],
    ['lag', `${known(status.lag.seconds, ' s')} behind the source, ${lagBytesText(status.lag.bytes)}`],
    ['last match', status.confidence ?? 'none yet'],
    [
      'delivered',
      `${count(status.records)} changes in ${count(status.transactions)} transactions, ` +
        `${bytesText(status.bytes)} read`,
    ],
    ['left out', `transactions that replicas wrote on their own account: ${count(status.bornHere)}`],
    ['trail', `${count(trail.transactions)} transactions, ${count(trail.hints)} hints`],
    ['checkpoint', checkpointText(checkpoint)],
    [
      'sink',
      sink.trouble ??
        (sink.busyMs === null ? 'waits for more' : `at ${count(sink.backlog)} records for ${sink.busyMs} ms`),
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
      return `failed at ${timeText(phase.since)}, tried again every ${count(Math.round(phase.retryMs / 1000))} s: ${phase.reason}`;
    case 'stopped':
      return `stopped: ${phase.reason}`;
  }
}

function hintText({ hint, hintAgeSeconds, sequence, canSwitch }: AgentStatus): string {
  if (hint === null) return 'none yet: until one comes, losing the server is an error';
  const age = hintAgeSeconds === null ? '' : `, ${count(hintAgeSeconds)} s old`;
  const lost = canSwitch ? '' : '; too long ago to switch by';
  return `${hint}${age}, ${count(sequence)} transactions since${lost}`;
}

function lagBytesText(bytes: number | null): string {
  if (bytes === null) return "the server's log end isn't known";
  return `${bytesText(bytes)} of the server's log to read`;
}

function checkpointText({
  ageSeconds,
  failures,
  droppedEntries,
  failing,
}: AgentStatus['checkpoint']): string {
  const saved = ageSeconds === null ? 'none yet' : `saved ${count(ageSeconds)} s ago`;
  const failed = failures === 0 ? '' : `, ${count(failures)} failures`;
  const cut = droppedEntries === 0 ? '' : `, without the trail's ${count(droppedEntries)} oldest entries`;
  return failing === null
    ? saved + failed + cut
    : `${saved}${failed}${cut}, can't be saved for ${failing.seconds} s: ${failing.reason}`;
}

function memberRow(view: MemberView): string[] {
  const { evidence } = view;
  const replication = evidence?.replication ?? null;
  return [
    `${view.reading ? '→' : ' '} ${view.server}`,
    view.finding,
    ...(replication === null
      ? ['', '']
      : [`replica of ${replication.source}`, `lag ${known(replication.lagSeconds, ' s')}`]),
    [
      ...(view.role === 'source' ? ['source'] : []),
      ...(view.priority === 0 ? [] : [`priority ${view.priority}`]),
      ...(view.avoided ? ['avoided'] : []),
    ].join(', '),
  ];
}

function memberNotes({ server, reasons, inTheWay, evidence }: MemberView): string[] {
  // Of a server that isn't reached the reasons say so already.
  const obstacle =
    inTheWay === null || evidence?.reachable === false ? [] : [`the stream can't go on there: ${inTheWay}`];
  return [...reasons, ...obstacle].map((note) => `    ${server}: ${note}`);
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
      : [`blackout ${change.blackoutMs} ms${timelineText(change.timeline)}`]),
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
  const shown = parts.flatMap(([name, ms]) => (ms === null ? [] : [`${name} ${ms}`]));
  return shown.length === 0 ? '' : ` (${shown.join(', ')})`;
}

function timeText(ms: number): string {
  return new Date(ms).toISOString();
}

function known(value: number | null, unit: string): string {
  return value === null ? 'unknown' : `${count(value)}${unit}`;
}

function count(value: number): string {
  return value.toLocaleString('en');
}

function bytesText(bytes: number): string {
  if (bytes < 1000) return `${bytes} bytes`;
  const steps = [
    [1e9, 'GB'],
    [1e6, 'MB'],
    [1e3, 'kB'],
  ] as const;
  const [size, unit] = steps.find(([step]) => bytes >= step) ?? [1, 'bytes'];
  return `${(bytes / size).toFixed(1)} ${unit}`;
}
