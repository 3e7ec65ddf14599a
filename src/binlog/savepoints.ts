/** A place in a group that holds what came before it. */
type Savepoint<Mark> = { readonly name: string; mark: Mark };

/**
 * The savepoints of one group, oldest first. One that is set again under the same name replaces the one before; one
 * that is rolled back to takes those behind it away, and stays. RELEASE SAVEPOINT changes nothing here: no statement
 * can speak of a savepoint that was released before it is set again. Each is looked at a few times, however many there
 * are.
 */
export class Savepoints<Mark> {
  /** Also those that were replaced. */
  readonly #all: Savepoint<Mark>[] = [];
  readonly #byName = new Map<string, { readonly savepoint: Savepoint<Mark>; readonly index: number }>();

  /** @param sql SAVEPOINT with its name. */
  set(sql: string, mark: Mark): void {
    const savepoint = { name: savepointName(sql), mark };
    const last = this.#all.at(-1);
    // Nearly always the same one, set again and again.
    if (last !== undefined && this.#byName.get(savepoint.name)?.savepoint === last) this.#all.pop();
    this.#byName.set(savepoint.name, { savepoint, index: this.#all.length });
    this.#all.push(savepoint);
  }

  /**
   * @param sql ROLLBACK TO with a savepoint's name.
   * @returns its mark; null when there is no such savepoint.
   */
  rollBackTo(sql: string): Mark | null {
    const found = this.#byName.get(savepointName(sql));
    if (found === undefined) return null;
    for (const savepoint of this.#all.splice(found.index + 1)) {
      if (this.#byName.get(savepoint.name)?.savepoint === savepoint) this.#byName.delete(savepoint.name);
    }
    return found.savepoint.mark;
  }

  /** Changes every mark. */
  change(to: (mark: Mark) => Mark): void {
    for (const savepoint of this.#all) savepoint.mark = to(savepoint.mark);
  }
}

/** No name is longer, its quotation marks doubled. */
const longestName = 300;

/**
 * The last word of SAVEPOINT and ROLLBACK TO, so that two that are one to the server read the same: it compares names by
 * utf8mb3_general_ci (sql/transaction.cc, find_savepoint), without regard to case and accents. Names of more than that
 * kind of difference (`ß` is `s` there) are not known as one; then the rollback is refused.
 */
function savepointName(sql: string): string {
  const word = /(`(?:[^`]|``)+`|[^\s`]+)\s*$/.exec(sql.slice(-longestName))?.[1] ?? '';
  const name = word.startsWith('`') ? word.slice(1, -1).replaceAll('``', '`') : word;
  return name.normalize('NFD').replace(/\p{M}/gu, '').toUpperCase();
}
