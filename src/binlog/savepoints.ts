/** A place in a group that holds what came before it. */
type Savepoint<Mark> = { readonly name: string; mark: Mark };

/**
 * The savepoints of one group, oldest first. One that is set again under the same name replaces the one before; one
 * that is rolled back to takes those behind it away, and stays. RELEASE SAVEPOINT changes nothing here: no statement
 * can speak of a savepoint that was released before it is set again.
 */
export class Savepoints<Mark> {
  #savepoints: Savepoint<Mark>[] = [];

  /** @param sql SAVEPOINT with its name. */
  set(sql: string, mark: Mark): void {
    const name = savepointName(sql);
    this.#savepoints = this.#savepoints.filter((savepoint) => savepoint.name !== name);
    this.#savepoints.push({ name, mark });
  }

  /**
   * @param sql ROLLBACK TO with a savepoint's name.
   * @returns its mark; null when there is no such savepoint.
   */
  rollBackTo(sql: string): Mark | null {
    const name = savepointName(sql);
    const index = this.#savepoints.findIndex((savepoint) => savepoint.name === name);
    this.#savepoints = this.#savepoints.slice(0, index + 1);
    return this.#savepoints[index]?.mark ?? null;
  }

  /** Changes every mark. */
  change(to: (mark: Mark) => Mark): void {
    for (const savepoint of this.#savepoints) savepoint.mark = to(savepoint.mark);
  }
}

/**
 * The last word of SAVEPOINT and ROLLBACK TO, so that two that are one to the server read the same: it compares names by
 * utf8mb3_general_ci (sql/transaction.cc, find_savepoint), without regard to case and accents. Names of more than that
 * kind of difference (`ß` is `s` there) are not known as one; then the rollback is refused.
 */
function savepointName(sql: string): string {
  const word = /(`(?:[^`]|``)+`|[^\s`]+)\s*$/.exec(sql)?.[1] ?? '';
  const name = word.startsWith('`') ? word.slice(1, -1).replaceAll('``', '`') : word;
  return name.normalize('NFD').replace(/\p{M}/gu, '').toUpperCase();
}
