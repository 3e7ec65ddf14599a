import type { Coordinates } from '../binlog/coordinates.js';
import { type EventPlace, EventType, eventType, isArtificial } from '../binlog/event.js';
import { readMariadbGtid, readMysqlGtid } from '../binlog/gtid-event.js';
import { readStatementBeginning, roleOfStatement } from '../binlog/query-event.js';

/**
 * Follows the transactions of a log: which one an event belongs to, and where reading can begin again so that none comes
 * in part.
 */
export class TransactionPlace {
  #grouped = false;
  #open = false;
  #gtid: string | undefined;
  #committed: string | undefined;
  /** Of a transaction that is prepared: it counts when the next one begins. */
  #prepared: string | undefined;
  #resume: Coordinates;

  /** @param start of reading. */
  constructor(start: Coordinates) {
    this.#resume = start;
  }

  /** The GTID of the transaction that the last event belongs to. */
  get gtid(): string | undefined {
    return this.#gtid;
  }

  /** The GTID of the transaction that is known to be over since the last event; undefined where there is none. */
  get committed(): string | undefined {
    return this.#committed;
  }

  /** Where reading can begin again: nothing before it comes another time, but for a transaction that isn't over. */
  get resume(): Coordinates {
    return this.#resume;
  }

  /** Takes the next event. */
  event(buffer: Buffer, start: number, end: number, { file, end: position }: EventPlace): void {
    this.#committed = undefined;
    if (!this.#open) this.#gtid = undefined;
    const type = eventType(buffer, start);
    switch (type) {
      case EventType.rotate:
        this.#open = false;
        this.#gtid = undefined;
        break;
      case EventType.mariadbGtid: {
        const { gtid, standalone } = readMariadbGtid(buffer, start, end);
        this.#begin(gtid, !standalone);
        return;
      }
      case EventType.gtid:
      case EventType.anonymousGtid:
      case EventType.gtidTagged:
        this.#begin(readMysqlGtid(buffer, start, end).gtid, false);
        return;
      case EventType.query:
      case EventType.mariadbQueryCompressed:
        this.#statement(readStatementBeginning(buffer, start, end));
        break;
      case EventType.xaPrepare:
        this.#prepared = this.#gtid;
        this.#end();
        this.#committed = undefined;
        break;
      case EventType.xid:
        this.#end();
        break;
      default:
        if (isArtificial(buffer, start)) return;
    }
    if (!this.#open) this.#resume = { file, position };
  }

  #begin(gtid: string | null, grouped: boolean): void {
    this.#open = true;
    this.#grouped = grouped;
    this.#committed = this.#prepared;
    this.#prepared = undefined;
    this.#gtid = gtid ?? undefined;
  }

  #statement(sql: string): void {
    const role = roleOfStatement(sql);
    if (role === 'begin' || role === 'xa-begin') {
      this.#open = true;
      this.#grouped = true;
    } else if (!this.#grouped || role === 'commit' || role === 'rollback') this.#end();
  }

  #end(): void {
    this.#open = false;
    this.#grouped = false;
    this.#committed = this.#gtid;
  }
}
