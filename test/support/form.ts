import type { AuditRecord } from './audit.js';

/** What a record must be, whatever it tells. */
export class Form {
  /** Of the first records of transactions: the others are known by following them. */
  readonly #ids = new Set<string>();
  readonly #report: (problem: string) => void;
  #previous: AuditRecord | null = null;
  /** Whether ids are made of GTIDs. That never changes within a stream. */
  #byGtid: boolean | null = null;

  constructor(report: (problem: string) => void) {
    this.#report = report;
  }

  /** @param gtid the transaction's on the source; null when it isn't known. */
  check(record: AuditRecord, gtid: string | null): void {
    const { id, tx } = record;
    if (this.#ids.has(id)) this.#report(`the id ${id} comes twice`);
    if (tx.row === 0) this.#ids.add(id);
    this.#byGtid ??= tx.gtid !== undefined && id.startsWith(`${tx.gtid}/`);
    const due = this.#byGtid ? `${tx.gtid ?? ''}/${tx.row}` : `${tx.hint ?? '-'}/${tx.seq}/${tx.row}`;
    if (id !== due) this.#report(`the id ${id} is not that of its transaction, ${due}`);
    const { last, rows, digest } = tx;
    if ((last === undefined) !== (rows === undefined) || (last === undefined) !== (digest === undefined)) {
      this.#report(`${id}: last, rows and digest belong together`);
    }
    if (rows !== undefined && rows !== tx.row + 1)
      this.#report(`${id}: is row ${tx.row} and the last of ${rows}`);
    if (digest !== undefined && !/^[0-9a-f]{16}$/.test(digest)) this.#report(`${id}: digest ${digest}`);
    this.#follow(record);
    // A MariaDB replica gives the transactions of a MySQL source GTIDs of its own.
    const itsOwn = gtid?.includes(':') === true && /^\d+-\d+-\d+$/.test(tx.gtid ?? '');
    if (gtid !== null && gtid !== tx.gtid && !itsOwn) {
      this.#report(`${id}: its GTID is ${tx.gtid ?? 'missing'}, and ${gtid} was due`);
    }
    this.#previous = record;
  }

  #follow({ id, tx }: AuditRecord): void {
    const before = this.#previous?.tx;
    const isNext = before === undefined || before.last === true;
    const due = isNext ? 0 : before.row + 1;
    if (tx.row !== due)
      this.#report(`${id}: row ${tx.row} where ${due} was due, behind ${this.#previous?.id ?? 'nothing'}`);
    if (before === undefined) return;
    const same = tx.hint === before.hint;
    if (!isNext && (!same || tx.seq !== before.seq))
      this.#report(`${id}: inside the transaction of ${this.#previous?.id ?? ''}`);
    if (!same && (before.hint ?? '') > (tx.hint ?? ''))
      this.#report(`${id}: an older hint than ${this.#previous?.id ?? ''}`);
    if (isNext && same && tx.seq <= before.seq) this.#report(`${id}: not behind ${this.#previous?.id ?? ''}`);
  }
}
