/** A savepoint. Its mark is the place in the group right before it. */
type Savepoint<Mark> = { readonly name: string; mark: Mark };

/** A savepoint that the group can roll back to, and its index among all that were set. */
type Live<Mark> = { readonly savepoint: Savepoint<Mark>; readonly index: number };

/**
 * The savepoints of one group, oldest first.
 *
 * Setting a savepoint again under the same name replaces it. Rolling back to a savepoint removes later ones,
 * and keeps it. RELEASE SAVEPOINT changes nothing here, because no statement can name a released savepoint
 * before it is set again. Each savepoint is visited only a few times, however many there are.
 *
 * Whether `é` equals `e` depends on the server: in MySQL, and in MariaDB before 11.5, it does. In later ones
 * it doesn't (they compare names by utf8mb3_general_ci and by utf8mb3_general1400_as_ci: sql/transaction.cc,
 * find_savepoint). So a savepoint is only found if no other one has a similar name.
 */
export class Savepoints<Mark> {
  /** Includes replaced savepoints. */
  readonly #all: Savepoint<Mark>[] = [];
  readonly #byName = new Map<string, Live<Mark>>();
  /** Whether any name has characters beyond ASCII. */
  #hasOddNames = false;

  /**
   * Sets a savepoint.
   * @param sql SAVEPOINT with its name.
   */
  set(sql: string, mark: Mark): void {
    const savepoint = { name: savepointName(sql), mark };
    this.#hasOddNames ||= isOdd(savepoint.name);
    const last = this.#all.at(-1);
    // Nearly always the same savepoint, set again and again.
    if (last !== undefined && this.#byName.get(savepoint.name)?.savepoint === last) this.#all.pop();
    this.#byName.set(savepoint.name, { savepoint, index: this.#all.length });
    this.#all.push(savepoint);
  }

  /**
   * Rolls back to a savepoint.
   * @param sql ROLLBACK TO with the savepoint's name.
   * @returns its mark. Null if there is no such savepoint, or several may be meant.
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

/** The most characters of a name, with doubled quotation marks. */
const longestName = 300;

/**
 * Returns the last word of SAVEPOINT or ROLLBACK TO, without quotation marks. It is in upper case as far as
 * all servers agree on upper case.
 */
function savepointName(sql: string): string {
  const word = /(`(?:[^`]|``)+`|[^\s`]+)\s*$/.exec(sql.slice(-longestName))?.[1] ?? '';
  const name = word.startsWith('`') ? word.slice(1, -1).replaceAll('``', '`') : word;
  return name.replace(/\p{Ll}/gu, upperCase);
}

/**
 * Returns the capital of a letter, if the letter is the small form of that capital. `ß` has no capital, and
 * `ı` is not the small form of `I`.
 */
function upperCase(letter: string): string {
  const capital = letter.toUpperCase();
  return capital.toLowerCase() === letter ? capital : letter;
}

/** Returns whether a name has characters that some servers consider equal to others. */
function isOdd(name: string): boolean {
  return /[^\p{ASCII}]/u.test(name);
}

/** Returns whether some server considers two names equal. Servers compare letter by letter. */
function mayBeOne(one: string, other: string): boolean {
  if (one.length !== other.length) return false;
  for (let at = 0; at < one.length; at += 1) {
    const [letter, otherLetter] = [one[at] ?? '', other[at] ?? ''];
    if (letter === otherLetter) continue;
    const [plain, otherPlain] = [withoutAccents(letter), withoutAccents(otherLetter)];
    // It isn't known which letters servers consider equal to `ß` or `æ`.
    if (plain !== otherPlain && !isOdd(plain) && !isOdd(otherPlain)) return false;
  }
  return true;
}

function withoutAccents(letter: string): string {
  return letter.normalize('NFD').replace(/\p{M}/gu, '');
}
