import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { eventFates, fateOf } from '../../../src/binlog/event-fates.js';
import { TransactionAssembler } from '../../../src/transactions/transaction-assembler.js';
import { event, listOf, queryEvent } from './event-bytes.js';

/** MySQL 9.7: libs/mysql/binlog/event/binlog_event.h, enum Log_event_type. */
const mysqlTypes: Readonly<Record<string, number>> = {
  QUERY_EVENT: 2,
  STOP_EVENT: 3,
  ROTATE_EVENT: 4,
  INTVAR_EVENT: 5,
  SLAVE_EVENT: 7,
  APPEND_BLOCK_EVENT: 9,
  DELETE_FILE_EVENT: 11,
  RAND_EVENT: 13,
  USER_VAR_EVENT: 14,
  FORMAT_DESCRIPTION_EVENT: 15,
  XID_EVENT: 16,
  BEGIN_LOAD_QUERY_EVENT: 17,
  EXECUTE_LOAD_QUERY_EVENT: 18,
  TABLE_MAP_EVENT: 19,
  OBSOLETE_WRITE_ROWS_EVENT_V1: 23,
  OBSOLETE_UPDATE_ROWS_EVENT_V1: 24,
  OBSOLETE_DELETE_ROWS_EVENT_V1: 25,
  INCIDENT_EVENT: 26,
  HEARTBEAT_LOG_EVENT: 27,
  IGNORABLE_LOG_EVENT: 28,
  ROWS_QUERY_LOG_EVENT: 29,
  WRITE_ROWS_EVENT: 30,
  UPDATE_ROWS_EVENT: 31,
  DELETE_ROWS_EVENT: 32,
  GTID_LOG_EVENT: 33,
  ANONYMOUS_GTID_LOG_EVENT: 34,
  PREVIOUS_GTIDS_LOG_EVENT: 35,
  TRANSACTION_CONTEXT_EVENT: 36,
  VIEW_CHANGE_EVENT: 37,
  XA_PREPARE_LOG_EVENT: 38,
  PARTIAL_UPDATE_ROWS_EVENT: 39,
  TRANSACTION_PAYLOAD_EVENT: 40,
  HEARTBEAT_LOG_EVENT_V2: 41,
  GTID_TAGGED_LOG_EVENT: 42,
};

/** MariaDB 12.3: sql/log_event.h, enum Log_event_type; those that MySQL hasn't, or has no longer. */
const mariadbTypes: Readonly<Record<string, number>> = {
  START_EVENT_V3: 1,
  LOAD_EVENT: 6,
  CREATE_FILE_EVENT: 8,
  EXEC_LOAD_EVENT: 10,
  NEW_LOAD_EVENT: 12,
  PRE_GA_WRITE_ROWS_EVENT: 20,
  PRE_GA_UPDATE_ROWS_EVENT: 21,
  PRE_GA_DELETE_ROWS_EVENT: 22,
  WRITE_ROWS_EVENT_V1: 23,
  UPDATE_ROWS_EVENT_V1: 24,
  DELETE_ROWS_EVENT_V1: 25,
  ANNOTATE_ROWS_EVENT: 160,
  BINLOG_CHECKPOINT_EVENT: 161,
  GTID_EVENT: 162,
  GTID_LIST_EVENT: 163,
  START_ENCRYPTION_EVENT: 164,
  QUERY_COMPRESSED_EVENT: 165,
  WRITE_ROWS_COMPRESSED_EVENT_V1: 166,
  UPDATE_ROWS_COMPRESSED_EVENT_V1: 167,
  DELETE_ROWS_COMPRESSED_EVENT_V1: 168,
  WRITE_ROWS_COMPRESSED_EVENT: 169,
  UPDATE_ROWS_COMPRESSED_EVENT: 170,
  DELETE_ROWS_COMPRESSED_EVENT: 171,
  PARTIAL_ROW_DATA_EVENT: 172,
};

/** Since MySQL 8.4 they are called obsolete. */
const sameName = (name: string): string => name.replace(/^OBSOLETE_/, '');

const every = [...Object.entries(mysqlTypes), ...Object.entries(mariadbTypes)];

test.each(every)("%s (%i) has a fate, under the server's name", (name, type) => {
  expect(eventFates[type]?.name).toBe(sameName(name));
});

test('no other type has one', () => {
  const known = new Set(every.map(([, type]) => type));
  expect(Object.keys(eventFates).filter((type) => !known.has(Number(type)))).toEqual([]);
});

test("the documentation's table says the same", () => {
  const page = readFileSync(new URL('../../../docs/servers.md', import.meta.url), 'utf8');
  const rows = [...page.matchAll(/^\| (\d+) +\| `(\w+)` +\| ([a-z-]+)/gm)].map(([, type, name, fate]) => [
    Number(type),
    name,
    fate,
  ]);
  const expected = Object.entries(eventFates).map(([type, { name, fate }]) => [Number(type), name, fate]);
  expect(rows).toEqual(expected);
});

describe('a type that is not known', () => {
  const unknown = [0, 43, 99, 159, 173, 255];

  test.each(unknown)('%i is refused by name', (type) => {
    expect(fateOf(type, false)).toBe('refused');
    const assembler = new TransactionAssembler({ end: () => undefined });
    expect(() => {
      listOf([queryEvent('BEGIN'), event({ type }, Buffer.alloc(30))]).forEach(assembler.event);
    }).toThrow(
      expect.objectContaining({
        code: 'unsupported-event',
        message: expect.stringMatching(new RegExp(`bin\\.000001:\\d+.*type ${type}\\b`)) as string,
      }),
    );
  });

  test.each(unknown)('%i is passed over where its server says that it may be', (type) => {
    const assembler = new TransactionAssembler({ end: () => undefined });
    listOf([queryEvent('BEGIN'), event({ type, flags: 0x80 }, Buffer.alloc(30))]).forEach(assembler.event);
    expect(assembler.open).not.toBeNull();
  });
});

test.each(Object.entries(eventFates).filter(([, { fate }]) => fate === 'refused'))(
  'type %s is refused though it be flagged: what it is for is known',
  (type, { name }) => {
    const assembler = new TransactionAssembler({ end: () => undefined });
    expect(() => {
      listOf([event({ type: Number(type), flags: 0x80 }, Buffer.alloc(30))]).forEach(assembler.event);
    }).toThrow(
      expect.objectContaining({
        code: 'unsupported-event',
        message: expect.stringContaining(name) as string,
      }),
    );
  },
);
