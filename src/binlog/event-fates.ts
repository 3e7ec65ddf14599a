/**
 * What becomes of an event, by its type.
 * - `place`: it says where in the log the stream is, or what form events have; it changes nothing.
 * - `begin`, `end`: of a transaction.
 * - `statement`, `table-map`, `rows`: its content.
 * - `context`: a value that the statement behind it was carried out with (statement-context.ts).
 * - `unpacked`: the events in it come in its place (unpacked-events.ts).
 * - `query`: the text of the statement behind rows, which records may show.
 * - `passed-over`: it changes nothing by itself.
 * - `refused`: passing it over would lose changes, and it can't be read.
 */
export type EventFate =
  | 'place'
  | 'begin'
  | 'end'
  | 'statement'
  | 'context'
  | 'table-map'
  | 'rows'
  | 'unpacked'
  | 'query'
  | 'passed-over'
  | 'refused';

/** A type of event that is known, by the server's name for it, and for one that is refused what it is. */
export type KnownEvent = {
  readonly name: string;
  readonly fate: EventFate;
  readonly refusal?: string;
};

function refused(name: string, refusal: string): KnownEvent {
  return { name, fate: 'refused', refusal };
}

const loadData = 'LOAD DATA as a statement; binlog_format must be ROW';
const tooOld = 'an event of a server older than MySQL 5.1.18';

/**
 * Every type that MySQL up to 9.7 and MariaDB up to 12.3 can log (MySQL: libs/mysql/binlog/event/binlog_event.h,
 * Log_event_type; MariaDB: sql/log_event.h, Log_event_type). docs/servers.md shows the same table.
 */
export const eventFates: Readonly<Record<number, KnownEvent>> = {
  1: refused('START_EVENT_V3', tooOld),
  2: { name: 'QUERY_EVENT', fate: 'statement' },
  3: { name: 'STOP_EVENT', fate: 'passed-over' },
  4: { name: 'ROTATE_EVENT', fate: 'place' },
  5: { name: 'INTVAR_EVENT', fate: 'context' },
  6: refused('LOAD_EVENT', loadData),
  7: { name: 'SLAVE_EVENT', fate: 'passed-over' },
  8: refused('CREATE_FILE_EVENT', loadData),
  9: refused('APPEND_BLOCK_EVENT', loadData),
  10: refused('EXEC_LOAD_EVENT', loadData),
  11: refused('DELETE_FILE_EVENT', loadData),
  12: refused('NEW_LOAD_EVENT', loadData),
  13: { name: 'RAND_EVENT', fate: 'context' },
  14: { name: 'USER_VAR_EVENT', fate: 'context' },
  15: { name: 'FORMAT_DESCRIPTION_EVENT', fate: 'place' },
  16: { name: 'XID_EVENT', fate: 'end' },
  17: refused('BEGIN_LOAD_QUERY_EVENT', loadData),
  18: refused('EXECUTE_LOAD_QUERY_EVENT', loadData),
  19: { name: 'TABLE_MAP_EVENT', fate: 'table-map' },
  20: refused('PRE_GA_WRITE_ROWS_EVENT', tooOld),
  21: refused('PRE_GA_UPDATE_ROWS_EVENT', tooOld),
  22: refused('PRE_GA_DELETE_ROWS_EVENT', tooOld),
  23: { name: 'WRITE_ROWS_EVENT_V1', fate: 'rows' },
  24: { name: 'UPDATE_ROWS_EVENT_V1', fate: 'rows' },
  25: { name: 'DELETE_ROWS_EVENT_V1', fate: 'rows' },
  26: refused('INCIDENT_EVENT', 'an incident: the server itself says that changes are missing from its log'),
  27: { name: 'HEARTBEAT_LOG_EVENT', fate: 'place' },
  28: { name: 'IGNORABLE_LOG_EVENT', fate: 'passed-over' },
  29: { name: 'ROWS_QUERY_LOG_EVENT', fate: 'query' },
  30: { name: 'WRITE_ROWS_EVENT', fate: 'rows' },
  31: { name: 'UPDATE_ROWS_EVENT', fate: 'rows' },
  32: { name: 'DELETE_ROWS_EVENT', fate: 'rows' },
  33: { name: 'GTID_LOG_EVENT', fate: 'begin' },
  34: { name: 'ANONYMOUS_GTID_LOG_EVENT', fate: 'begin' },
  35: { name: 'PREVIOUS_GTIDS_LOG_EVENT', fate: 'passed-over' },
  36: { name: 'TRANSACTION_CONTEXT_EVENT', fate: 'passed-over' },
  37: { name: 'VIEW_CHANGE_EVENT', fate: 'passed-over' },
  38: { name: 'XA_PREPARE_LOG_EVENT', fate: 'end' },
  39: { name: 'PARTIAL_UPDATE_ROWS_EVENT', fate: 'rows' },
  40: { name: 'TRANSACTION_PAYLOAD_EVENT', fate: 'unpacked' },
  41: { name: 'HEARTBEAT_LOG_EVENT_V2', fate: 'place' },
  42: { name: 'GTID_TAGGED_LOG_EVENT', fate: 'begin' },
  160: { name: 'ANNOTATE_ROWS_EVENT', fate: 'query' },
  161: { name: 'BINLOG_CHECKPOINT_EVENT', fate: 'passed-over' },
  162: { name: 'GTID_EVENT', fate: 'begin' },
  163: { name: 'GTID_LIST_EVENT', fate: 'passed-over' },
  164: { name: 'START_ENCRYPTION_EVENT', fate: 'passed-over' },
  165: { name: 'QUERY_COMPRESSED_EVENT', fate: 'statement' },
  166: { name: 'WRITE_ROWS_COMPRESSED_EVENT_V1', fate: 'rows' },
  167: { name: 'UPDATE_ROWS_COMPRESSED_EVENT_V1', fate: 'rows' },
  168: { name: 'DELETE_ROWS_COMPRESSED_EVENT_V1', fate: 'rows' },
  169: { name: 'WRITE_ROWS_COMPRESSED_EVENT', fate: 'rows' },
  170: { name: 'UPDATE_ROWS_COMPRESSED_EVENT', fate: 'rows' },
  171: { name: 'DELETE_ROWS_COMPRESSED_EVENT', fate: 'rows' },
  172: refused(
    'PARTIAL_ROW_DATA_EVENT',
    'a row event in parts; raise binlog_row_event_fragment_threshold on its server',
  ),
};

const numberOfTypes = 256;

/** By type, for looking it up without a hash. */
const byType: readonly (EventFate | null)[] = Array.from(
  { length: numberOfTypes },
  (_, type) => eventFates[type]?.fate ?? null,
);

/**
 * What becomes of an event of a type. One that isn't known is passed over if its server says that it may be, and refused
 * otherwise.
 * @param ignorable whether the event is flagged so.
 */
export function fateOf(type: number, ignorable: boolean): EventFate {
  return byType[type] ?? (ignorable ? 'passed-over' : 'refused');
}

/** The server's name for a type. */
export function nameOf(type: number): string {
  return eventFates[type]?.name ?? `event of type ${type}`;
}

/** What an event is that must not be passed over. */
export function refusalOf(type: number): string {
  const known = eventFates[type];
  if (known === undefined) return `an event of the unknown type ${type}; upgrade waymark`;
  return `${known.refusal ?? 'an event that was to be unpacked'} (${known.name})`;
}
