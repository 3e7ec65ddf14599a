import type { Coordinates } from '../binlog/coordinates.js';
import { readXaOutcome, roleOfStatement, type Statement, statementOfOutcome } from '../binlog/query-event.js';
import { Savepoints } from '../transactions/savepoints.js';
import type { RowOperation } from '../binlog/rows-event.js';
import { withoutComments } from '../sql/text.js';
import type { HintRecogniser } from '../hints/hint.js';
import type { ListedEvent } from '../mysql/relay-log.js';
import { ListedDigest, listedIdentity } from '../matching/listed-digest.js';
import type { HistoryStep } from '../matching/match-state.js';

/** Rows of one kind in one table, or a statement. */
type ListedPart =
  { readonly operation: RowOperation; readonly table: string } | { readonly statement: Statement };

type Open = {
  readonly start: Coordinates;
  readonly gtid: string | null;
  readonly serverId: number;
  /** The parts that came and were not rolled back. Equal parts in a row are kept once. */
  parts: ListedPart[];
  /** How many parts there were at each. */
  savepoints: Savepoints<number> | null;
  grouped: boolean;
  /** See gtid-event.ts. */
  readonly voidAlter: boolean;
};

const operations: Readonly<Record<string, RowOperation>> = {
  Write: 'insert',
  Update: 'update',
  Delete: 'delete',
};

/**
 * Turns the events that SHOW RELAYLOG EVENTS lists into history: hints, and transactions with what is listed of them,
 * and a GTID if they have one. Coordinates are the source's.
 */
export class RelayListing {
  readonly #recognise: HintRecogniser;
  readonly #ownServerId: number;
  readonly #tables = new Map<string, string>();
  #place: Coordinates = { file: '', position: 0 };
  #open: Open | null = null;

  /** @param ownServerId the replica's id. Its own rotations say nothing about the source. */
  constructor(recognise: HintRecogniser, ownServerId: number) {
    this.#recognise = recognise;
    this.#ownServerId = ownServerId;
  }

  /** How far it has got in the source's log. */
  get place(): Coordinates {
    return this.#place;
  }

  /** Takes the next event. Returns the step that it ends. */
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
    const grouped = mariadb?.[1] !== undefined;
    const voidAlter = mariadb !== null && / (?:START|ROLLBACK) ALTER\b/.test(info);
    this.#open = { ...this.#build(start, serverId, grouped), gtid, voidAlter };
  }

  #build(start: Coordinates, serverId: number, grouped: boolean): Open {
    return { start, gtid: null, serverId, grouped, voidAlter: false, parts: [], savepoints: null };
  }

  #rows(operation: RowOperation, tableId: string): void {
    const table = this.#tables.get(tableId);
    if (this.#open === null || table === undefined) return;
    const last = this.#open.parts.at(-1);
    const goesOn =
      last !== undefined && 'table' in last && last.table === table && last.operation === operation;
    if (!goesOn) this.#open.parts.push({ operation, table });
  }

  #query({ info, serverId }: ListedEvent, start: Coordinates): HistoryStep | null {
    const statement = statementOf(info);
    const role = roleOfStatement(statement.sql);
    switch (role) {
      case 'begin':
      case 'xa-begin':
        this.#open ??= this.#build(start, serverId, true);
        this.#open.grouped = true;
        return null;
      case 'rollback':
        if (this.#open !== null) this.#open.parts = [];
        return this.#end();
      case 'commit':
        return this.#end();
      case 'savepoint':
      case 'rollback-to-savepoint':
        if (this.#open !== null) this.#savepoint(this.#open, role, statement.sql);
        return null;
      case 'release-savepoint':
      case 'xa-end':
        return null;
      case 'temporary-table':
        return this.#open?.grouped === true ? null : this.#end();
      case 'xa-outcome':
      case 'content': {
        const open = (this.#open ??= this.#build(start, serverId, false));
        if (!open.voidAlter) open.parts.push({ statement });
        return open.grouped ? null : this.#end();
      }
    }
  }

  #savepoint(open: Open, role: 'savepoint' | 'rollback-to-savepoint', sql: string): void {
    open.savepoints ??= new Savepoints();
    if (role === 'savepoint') open.savepoints.set(sql, open.parts.length);
    else open.parts = open.parts.slice(0, open.savepoints.rollBackTo(sql) ?? 0);
  }

  #end(): HistoryStep | null {
    const open = this.#open;
    this.#open = null;
    const [first, ...others] = open?.parts ?? [];
    if (open === null || first === undefined) return null;
    const { start, serverId, gtid } = open;
    const end = this.#place;
    const statement = others.length === 0 && 'statement' in first ? first.statement : null;
    const hint = statement && this.#recognise(statement);
    if (hint !== null) return { kind: 'hint', hint, start, end, serverId };
    const identity = listedIdentity(gtid, digestOf(open.parts));
    return { kind: 'transaction', identity, gtid, start, end, errant: false, deliverable: true };
  }
}

function digestOf(parts: readonly ListedPart[]): bigint {
  const digest = new ListedDigest();
  for (const part of parts) {
    if ('statement' in part) {
      const outcome = readXaOutcome(part.statement);
      digest.statement(outcome === null ? part.statement : statementOfOutcome(outcome));
    } else {
      const dot = part.table.indexOf('.');
      digest.rows(part.operation, { schema: part.table.slice(0, dot), table: part.table.slice(dot + 1) });
    }
  }
  return digest.take();
}

/** A schema's name has 64 characters at most, here with every quotation mark doubled. */
const longestUse = 300;

/** ``use `shop`; INSERT …`` is how a listing shows the default schema; MySQL adds a comment with the XID. */
function statementOf(info: string): Statement {
  const match = /^use `((?:[^`]|``)*)`; ?/.exec(info.slice(0, longestUse));
  const sql = withoutComments(match === null ? info : info.slice(match[0].length));
  return { schema: (match?.[1] ?? '').replaceAll('``', '`'), sql };
}
