import { withoutComments } from '../binlog/content-digest.js';
import type { Coordinates } from '../binlog/coordinates.js';
import { roleOfStatement, type Statement } from '../binlog/query-event.js';
import type { RowOperation } from '../binlog/rows-event.js';
import type { HintRecogniser } from '../hints/hint.js';
import type { ListedEvent } from '../mysql/relay-log.js';
import { ListedDigest, listedIdentity } from './listed-digest.js';
import type { HistoryStep } from './match-state.js';

type Open = {
  readonly start: Coordinates;
  readonly gtid: string | null;
  readonly serverId: number;
  readonly digest: ListedDigest;
  grouped: boolean;
  changes: number;
  statement: Statement | null;
};

const operations: Readonly<Record<string, RowOperation>> = {
  Write: 'insert',
  Update: 'update',
  Delete: 'delete',
};

/**
 * Makes history of the events that SHOW RELAYLOG EVENTS lists: hints, and transactions by what is listed of them and, where
 * they have one, GTID. Coordinates are the source's.
 */
export class RelayListing {
  readonly #recognise: HintRecogniser;
  readonly #ownServerId: number;
  readonly #tables = new Map<string, string>();
  #place: Coordinates = { file: '', position: 0 };
  #open: Open | null = null;

  /** @param ownServerId the replica's: its own rotations say nothing of the source. */
  constructor(recognise: HintRecogniser, ownServerId: number) {
    this.#recognise = recognise;
    this.#ownServerId = ownServerId;
  }

  /** How far it has got in the source's log. */
  get place(): Coordinates {
    return this.#place;
  }

  /** Takes the next event; gives what it ends. */
  event(event: ListedEvent): HistoryStep | null {
    const { type, info } = event;
    if (type === 'Rotate') {
      this.#rotate(event);
      return null;
    }
    // The relay log's own head has the replica's id; the source's events say where they end.
    const start = this.#place;
    if (event.sourceEnd > 0 && event.serverId !== this.#ownServerId) {
      this.#place = { ...start, position: event.sourceEnd };
    }
    const table = /^table_id: (\d+)(?: \((.*)\))?/.exec(info);
    if (type === 'Table_map') this.#tables.set(table?.[1] ?? '', table?.[2] ?? '');
    const rows = /^(Write|Update|Delete)_rows/.exec(type);
    if (rows) this.#rows(operations[rows[1] ?? ''] ?? 'insert', table?.[1] ?? '');
    if (type === 'Gtid' || type === 'Anonymous_Gtid' || type === 'Gtid_tagged') this.#begin(event, start);
    if (type === 'Xid' || type === 'XA_prepare') return this.#end();
    return type === 'Query' ? this.#query(event, start) : null;
  }

  #rotate({ serverId, info }: ListedEvent): void {
    const match = /^(.+);pos=(\d+)$/.exec(info);
    if (serverId === this.#ownServerId || match?.[1] === undefined) return;
    // A receiver that was cut off begins the transaction again.
    if (match[1] !== this.#place.file) this.#tables.clear();
    this.#open = null;
    this.#place = { file: match[1], position: Number(match[2]) };
  }

  #begin({ info, serverId }: ListedEvent, start: Coordinates): void {
    const mariadb = /^(BEGIN |XA START .*)?GTID (\d+-\d+-\d+)/.exec(info);
    const mysql = /GTID_NEXT\s*=\s*'([^']+)'/.exec(info)?.[1];
    const gtid = mariadb?.[2] ?? (mysql === 'ANONYMOUS' ? null : (mysql ?? null));
    this.#open = this.#build(start, gtid, serverId, mariadb?.[1] !== undefined);
  }

  #build(start: Coordinates, gtid: string | null, serverId: number, grouped: boolean): Open {
    return { start, gtid, serverId, grouped, digest: new ListedDigest(), changes: 0, statement: null };
  }

  #rows(operation: RowOperation, tableId: string): void {
    const table = this.#tables.get(tableId);
    if (this.#open === null || table === undefined) return;
    const dot = table.indexOf('.');
    this.#open.digest.rows(operation, { schema: table.slice(0, dot), table: table.slice(dot + 1) });
    this.#open.changes += 1;
  }

  #query({ info, serverId }: ListedEvent, start: Coordinates): HistoryStep | null {
    const statement = statementOf(info);
    switch (roleOfStatement(statement.sql)) {
      case 'begin':
      case 'xa-begin':
        this.#open ??= this.#build(start, null, serverId, true);
        this.#open.grouped = true;
        return null;
      case 'commit':
      case 'rollback':
        return this.#end();
      case 'savepoint':
      case 'rollback-to-savepoint':
      case 'xa-end':
        return null;
      case 'content': {
        const open = (this.#open ??= this.#build(start, null, serverId, false));
        open.digest.statement(statement);
        open.changes += 1;
        open.statement = statement;
        return open.grouped ? null : this.#end();
      }
    }
  }

  #end(): HistoryStep | null {
    const open = this.#open;
    this.#open = null;
    if (open === null || open.changes === 0) return null;
    const { start, serverId, gtid, digest } = open;
    const end = this.#place;
    const hint = open.changes === 1 && open.statement !== null ? this.#recognise(open.statement) : null;
    if (hint !== null) return { kind: 'hint', hint, start, end, serverId };
    const identity = listedIdentity(gtid, digest.take());
    return { kind: 'transaction', identity, start, end, bornHere: false, deliverable: true };
  }
}

/** ``use `shop`; INSERT …`` is how a listing shows the default schema; MySQL adds a comment with the XID. */
function statementOf(info: string): Statement {
  const match = /^use `((?:[^`]|``)*)`; ?/.exec(info);
  const sql = withoutComments(match === null ? info : info.slice(match[0].length));
  return { schema: (match?.[1] ?? '').replaceAll('``', '`'), sql };
}
