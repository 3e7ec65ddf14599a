import { readCommitted } from '../transactions/committed-events.js';
import type { Coordinates } from '../binlog/coordinates.js';
import type { ExcludedGtids } from '../dump/dump-stream.js';
import { formatAddress } from '../config/address.js';
import { askOver } from '../mysql/ask.js';
import { connect, type ServerConnection } from '../mysql/connection.js';
import type { Instance } from '../mysql/instance.js';
import { readBinaryLogs, valueText } from '../mysql/server-facts.js';
import { parseServerVersion, type Vendor } from '../mysql/version.js';
import { WaymarkError } from '../util/errors.js';
import { ControlConnection } from './control-connection.js';
import { Dictionary } from './dictionary.js';
import pino from 'pino';
import { LayoutSource, type LayoutSourceOptions } from '../layouts/layout-source.js';
import { ProvedLayouts } from '../layouts/proved-layouts.js';
import { statementVisitor } from '../layouts/read-statements.js';
import { EventReader } from './event-reader.js';
import { eventsOf, type Host, type ReadServer } from './host.js';
import { ExecutedGtids, gtidsOf } from './executed-gtids.js';
import { GtidSet } from '../gtids/gtid-set.js';
import type { MariadbGtidPosition } from './mariadb-gtid-position.js';
import type { ReaderOptions } from './reader-options.js';
import { TransactionPlace } from './transaction-place.js';

/** What reading one server has beside the program's side. */
export type SingleHost = Host & {
  /** The connection for questions stands. */
  readonly controlled: (control: ControlConnection) => void;
};

const askLimitMs = 5000;

/** The first position of every file of the log, behind its magic number. */
const firstPosition = 4;

/**
 * Reads one server from where the options say on. Ends where the log does, if that was asked for.
 * @throws what readCommitted and the event reader throw; the signal's reason when it fires.
 */
export async function readServer(
  instance: Instance,
  options: ReaderOptions,
  host: SingleHost,
  signal: AbortSignal,
): Promise<void> {
  const control = await connect(instance, { signal });
  const dictionary = new Dictionary(instance, signal, control);
  let layouts: LayoutSource | null = null;
  const onClose = (): void => {
    if (!signal.aborted) host.error(controlLost(instance));
  };
  try {
    const server = await askAbout(control, signal);
    host.controlled(new ControlConnection(control));
    control.socket.once('close', onClose);
    const begin = await beginOf(control, server, options, signal);
    const { version } = server;
    layouts = new LayoutSource({ instance, version, signal, ...alone() });
    await readFrom(begin, { instance, options, host, signal, server, dictionary, layouts });
  } finally {
    layouts?.close();
    control.socket.removeListener('close', onClose);
    control.discard();
    dictionary.close();
  }
}

/** Nothing is known from before, and nobody listens to what LayoutSource waits for. */
function alone(): Pick<LayoutSourceOptions, 'layouts' | 'unprovedNames' | 'logger'> {
  return { layouts: new ProvedLayouts(), unprovedNames: 'halt', logger: pino({ level: 'silent' }) };
}

type Reading = {
  readonly instance: Instance;
  readonly options: ReaderOptions;
  readonly host: Host;
  readonly signal: AbortSignal;
  readonly server: ReadServer;
  readonly dictionary: Dictionary;
  readonly layouts: LayoutSource;
};

async function readFrom({ start, excluded, executed }: Begin, reading: Reading): Promise<void> {
  const { instance, options, host, signal, server, dictionary, layouts } = reading;
  const { serverId, nonBlock, requestAnnotateRows } = options;
  const reader = new EventReader({ ...readerParts(host, server), dictionary, layouts });
  const statements = statementVisitor(({ statement, ofSession }) => {
    reader.statement(statement, !ofSession);
  });
  const place = new TransactionPlace(start);
  if (excluded === null) host.moved(start, executed);
  const batches = readCommitted({
    ...{ instance, start, signal },
    ...(serverId === undefined ? {} : { serverId }),
    ...(excluded === null ? {} : { excluded }),
    nonBlocking: nonBlock === true,
    annotations: requestAnnotateRows === true && server.version.vendor === 'mariadb',
    onConnected: (connectionId) => {
      host.connected(server, connectionId);
    },
  });
  for await (const batch of batches) {
    for (const raw of eventsOf(batch)) {
      const paused = host.paused();
      if (paused !== null) await paused;
      signal.throwIfAborted();
      place.event(raw.buffer, raw.start, raw.end, raw.place);
      statements(raw.buffer, raw.start, raw.end, raw.place);
      const read = reader.read(raw, place.resume);
      const event = read instanceof Promise ? await read : read;
      executed.event(raw, place.committed);
      host.moved(place.resume, executed);
      if (event !== null) void host.emit(event, place.gtid);
    }
  }
}

/** What an event reader needs of the program's side and of the server. */
export function readerParts(host: Host, { version, useChecksum }: ReadServer) {
  const { values, filters, tableMap } = host;
  return { values, filters, tableMap, version, useChecksum };
}

/** A control connection is idle for hours where the log tells all. */
const longestIdleSeconds = 31_536_000;

async function askAbout(control: ServerConnection, signal: AbortSignal): Promise<ReadServer> {
  const question = { purpose: 'tell its version', signal, limitMs: askLimitMs };
  return askOver(control, question, async () => {
    await control.run(`SET SESSION wait_timeout = ${longestIdleSeconds}`);
    const [row] = await control.query('SELECT VERSION() AS version, @@GLOBAL.binlog_checksum AS checksum');
    const version = parseServerVersion(valueText(row?.['version']));
    return { version, useChecksum: valueText(row?.['checksum']) !== 'NONE' };
  });
}

/** Where reading begins, and what the program has had before as far as that is known. */
type Begin = {
  readonly start: Coordinates;
  /** Set where the server is to find the place. */
  readonly excluded: ExcludedGtids | null;
  readonly executed: ExecutedGtids;
};

async function beginOf(
  control: ServerConnection,
  { version }: ReadServer,
  options: ReaderOptions,
  signal: AbortSignal,
): Promise<Begin> {
  const { gtidSet, filename, position, startAtEnd } = options;
  if (typeof gtidSet === 'string') {
    const gtids = gtidsOf(gtidSet, version.vendor);
    const start = { file: '', position: firstPosition };
    return { start, excluded: excludedGtids(gtids), executed: new ExecutedGtids(gtids, false) };
  }
  if (filename !== undefined && (position !== undefined || startAtEnd !== true)) {
    return beginAt({ file: filename, position: position ?? firstPosition });
  }
  const question = { purpose: 'list its binary logs', signal, limitMs: askLimitMs };
  // Asked for before the log's end: what comes between the two comes once more, and nothing is claimed that will not come.
  const executed =
    startAtEnd === true ? await askOver(control, question, () => executedOn(control, version.vendor)) : null;
  const logs = await askOver(control, question, readBinaryLogs);
  const [first, last] = [logs[0], logs.at(-1)];
  if (first === undefined || last === undefined) {
    throw new WaymarkError('unsuitable-server', 'The server has no binary log');
  }
  if (executed === null) return beginAt({ file: first.file, position: position ?? firstPosition });
  const start = { file: last.file, position: last.sizeBytes };
  return { start, excluded: null, executed: new ExecutedGtids(executed, false) };
}

function beginAt(start: Coordinates): Begin {
  return { start, excluded: null, executed: new ExecutedGtids(null, start.position <= firstPosition) };
}

async function executedOn(control: ServerConnection, vendor: Vendor): Promise<GtidSet | MariadbGtidPosition> {
  const variable = vendor === 'mysql' ? 'gtid_executed' : 'gtid_current_pos';
  const [row] = await control.query(`SELECT @@GLOBAL.${variable} AS gtids`);
  return gtidsOf(valueText(row?.['gtids']), vendor);
}

function excludedGtids(gtids: GtidSet | MariadbGtidPosition): ExcludedGtids {
  return gtids instanceof GtidSet
    ? { vendor: 'mysql', set: gtids.encode() }
    : { vendor: 'mariadb', position: gtids.toString() };
}

function controlLost({ address }: Instance): WaymarkError {
  return new WaymarkError('stream-broken', `${formatAddress(address)} closed the control connection`);
}
