/** A place in a group that holds what came before it. */
type Savepoint<Mark> = { readonly name: string; mark: Mark };

/** A savepoint that can be rolled back to, and its place among all. */
type Live<Mark> = { readonly savepoint: Savepoint<Mark>; readonly index: number };

/**
 * The savepoints of one group, oldest first. One that is set again under the same name replaces the one before; one
 * that is rolled back to takes those behind it away, and stays. RELEASE SAVEPOINT changes nothing here: no statement
 * can speak of a savepoint that was released before it is set again. Each is looked at a few times, however many there
 * are.
 *
 * Whether `é` is `e` depends on the server: to MySQL and to MariaDB before 11.5 it is, to later ones it isn't (they compare
 * names by utf8mb3_general_ci and by utf8mb3_general1400_as_ci: sql/transaction.cc, find_savepoint). So a savepoint is
 * found by a name like its own only where no other one has such a name.
 */
export class Savepoints<Mark> {
  /** Also those that were replaced. */
  readonly #all: Savepoint<Mark>[] = [];
  readonly #byName = new Map<string, Live<Mark>>();
  /** Names beyond ASCII have been set. */
  #hasOddNames = false;

  /** @param sql SAVEPOINT with its name. */
  set(sql: string, mark: Mark): void {
    const savepoint = { name: savepointName(sql), mark };
    this.#hasOddNames ||= isOdd(savepoint.name);
    const last = this.#all.at(-1);
    // Nearly always the same one, set again and again.
    if (last !== undefined && this.#byName.get(savepoint.name)?.savepoint === last) this.#all.pop();
    this.#byName.set(savepoint.name, { savepoint, index: this.#all.length });
    this.#all.push(savepoint);
  }

  /**
   * @param sql ROLLBACK TO with a savepoint's name.
   * @returns its mark; null when there is no such savepoint, or several may be meant.
   */
  rollBackTo(sql: string): Mark | null {
    const found = this.#find(savepointName(sql));
    if (found === null) return null;
    for (const savepoint of this.#all.splice(found.index + 1)) {
      if (this.#byName.get(savepoint.name)?.savepoint === savepoint) this.#byName.delete(savepoint.name);
    }
    return found.savepoint.mark;
  }

  #find(name: string): Live<Mark> | null {
    if (!this.#hasOddNames && !isOdd(name)) return this.#byName.get(name) ?? null;
    const [found, other] = [...this.#byName].filter(([known]) => mayBeOne(known, name));
    return found === undefined || other !== undefined ? null : found[1];
  }

  /** Changes every mark. */
  change(to: (mark: Mark) => Mark): void {
    for (const savepoint of this.#all) savepoint.mark = to(savepoint.mark);
  }
}

/** No name is longer, its quotation marks doubled. */
const longestName = 300;

/** The last word of SAVEPOINT and ROLLBACK TO, without quotation marks, in upper case as far as all servers agree on that. */
function savepointName(sql: string): string {
  const word = /(`(?:[^`]|``)+`|[^\s`]+)\s*$/.exec(sql.slice(-longestName))?.[1] ?? '';
  const name = word.startsWith('`') ? word.slice(1, -1).replaceAll('``', '`') : word;
  return name.replace(/\p{Ll}/gu, upperCase);
}

/** The capital of a letter that is the small letter of that capital: `ß` has none, and `ı` is not the small `I`. */
function upperCase(letter: string): string {
  const capital = letter.toUpperCase();
  return capital.toLowerCase() === letter ? capital : letter;
}

/** Whether a name has characters that some servers take for others. */
function isOdd(name: string): boolean {
  return /[^\p{ASCII}]/u.test(name);
}

/** Whether two names are one to some server: it compares them letter by letter. */
function mayBeOne(one: string, other: string): boolean {
  if (one.length !== other.length) return false;
  for (let at = 0; at < one.length; at += 1) {
    const [letter, otherLetter] = [one[at] ?? '', other[at] ?? ''];
    if (letter === otherLetter) continue;
    const [plain, otherPlain] = [withoutAccents(letter), withoutAccents(otherLetter)];
    // What a server takes `ß` or `æ` for isn't known here.
    if (plain !== otherPlain && !isOdd(plain) && !isOdd(otherPlain)) return false;
  }
  return true;
}

function withoutAccents(letter: string): string {
  return letter.normalize('NFD').replace(/\p{M}/gu, '');
}
