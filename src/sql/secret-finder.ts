import { nameOf, type SqlToken } from './tokens.js';
import { isAccountTable, systemSchema } from '../config/account-tables.js';
import { connectionWithoutSecret } from './connection-secret.js';

/** A part of a statement that is hidden, and its replacement. A comment is replaced by a blank. */
export type SecretPlace = { readonly start: number; readonly end: number; readonly shown: string };

/**
 * The kind of a statement, as far as it matters for secrets.
 * - `account`: about accounts, servers and where to replicate from.
 * - `routine`: its body may have statements of any kind: CREATE PROCEDURE, FUNCTION, TRIGGER, EVENT, PACKAGE,
 *   LIBRARY.
 * - `table`: CREATE and ALTER TABLE, whose options may hold a connection.
 * - `definition`: all other DDL.
 * - `other`: DML, mostly.
 */
type StatementKind = 'account' | 'routine' | 'table' | 'definition' | 'other';

/** The kind of CREATE and ALTER statements. The first of these words decides. */
const objectKinds: Readonly<Record<string, StatementKind>> = {
  user: 'account',
  role: 'account',
  server: 'account',
  table: 'table',
  procedure: 'routine',
  function: 'routine',
  trigger: 'routine',
  event: 'routine',
  package: 'routine',
  library: 'routine',
  view: 'definition',
  database: 'definition',
  schema: 'definition',
  index: 'definition',
  sequence: 'definition',
  tablespace: 'definition',
};

/** The replacements for a secret, and for a comment that may hold one. */
export const hidden = "'<secret>'";
export const blank = ' ';

/** `x'…'`, `b'…'`, `n'…'`, `_utf8mb4'…'`: prefixes that belong to the string after them. */
const introducer = /^(?:[xbn]|_\w+)$/;
/** A string as a number: 0x…, 0b… */
const numberedString = /^0[xb][0-9a-f]+$/;
const passwordCall = /^(?:old_)?password$/;
/** A statement in a string of a body, or a part of one, for PREPARE and EXECUTE IMMEDIATE. */
const nestedSecret = /identified\s+(?:by|with|via)\b|\bset\s+password\b|password\s*[=(]|\bconnection\s*=/i;
const tellingComment = /identified|password|:\/\//i;
/** Words are looked at no further. */
const longestWord = 64;

/** Finds the secrets of a statement, token by token. */
export class SecretFinder {
  readonly #sql: string;
  readonly #schema: string;
  readonly #hidesAll: boolean;
  readonly #secrets: SecretPlace[] = [];
  readonly #comments: SqlToken[] = [];
  #namesAccountTable = false;
  #readsVariable = false;
  #buildsStatement = false;

  #kind: StatementKind | null = null;
  /** CREATE or ALTER has come, and the kind of object hasn't. */
  #seeksObject = false;
  /** In SET STATEMENT …, before FOR. */
  #inSetStatement = false;
  /** Whether the statement, or one in a body, is SET PASSWORD, and whether its `=` has come. */
  #setPassword: 'no' | 'account' | 'value' = 'no';
  /** IDENTIFIED has come. After BY, AS, USING and REPLACE there is a password or its hash. */
  #identifies = false;
  /** The next string is a secret. */
  #expects = false;
  /** The next string is an option's value. */
  #option: string | null = null;
  #depth = 0;
  /** Of the parentheses of PASSWORD(…). */
  #callDepth: number | null = null;
  /** The last word in lower case, if nothing has followed it. Names keep their case. */
  #last = '';
  /** A string was the last token, and a secret. */
  #behindSecret = false;
  /** `mysql`, then the dot after it. */
  #qualifies: 'no' | 'schema' | 'dot' = 'no';

  /** @param hidesAll whether every string is taken for a secret. */
  constructor(sql: string, schema: string, hidesAll: boolean) {
    this.#sql = sql;
    this.#schema = schema;
    this.#hidesAll = hidesAll;
  }

  /** The hidden parts, in no order. A comment is hidden if it may hold a secret. */
  get places(): readonly SecretPlace[] {
    const comments = this.#comments.filter(
      ({ start, end }) => this.#kind === 'account' || tellingComment.test(this.#sql.slice(start, end)),
    );
    return [...this.#secrets, ...comments.map(({ start, end }) => ({ start, end, shown: blank }))];
  }

  /**
   * Whether any string of the statement may be a secret: it accesses accounts as a table, or its body assembles a
   * statement that sets a password.
   */
  get mayHideAnywhere(): boolean {
    return this.#buildsStatement || (this.#namesAccountTable && this.#kind !== 'account');
  }

  /** Whether its context may hold a secret: a user variable is used where a password belongs. */
  get hidesValues(): boolean {
    return this.#secrets.length > 0 || this.#readsVariable || this.mayHideAnywhere;
  }

  /** Takes the next token. */
  token(token: SqlToken): void {
    switch (token.kind) {
      case 'comment':
        this.#comments.push(token);
        return;
      case 'string':
        this.#string(token);
        return;
      case 'name':
        this.#name(nameOf(this.#sql, token));
        this.#set(false, null, '');
        break;
      case 'word':
        this.#word(token);
        break;
      case 'mark':
        this.#mark(this.#sql.charAt(token.start));
    }
    this.#behindSecret = false;
  }

  #set(expects: boolean, option: string | null, last: string): void {
    this.#expects = expects;
    this.#option = option;
    this.#last = last;
  }

  #hide({ start, end }: SqlToken, shown = hidden): void {
    this.#secrets.push({ start, end, shown });
  }

  /** Notes mysql.user and similar tables, also without `mysql` if that is the default schema. */
  #name(name: string): void {
    const schema = this.#qualifies === 'dot' ? systemSchema : this.#schema;
    this.#namesAccountTable ||= isAccountTable(schema, name.toLowerCase());
    this.#qualifies = name.toLowerCase() === systemSchema ? 'schema' : 'no';
  }

  #word(token: SqlToken): void {
    const text = this.#sql.slice(token.start, Math.min(token.end, token.start + longestWord));
    const word = text.toLowerCase();
    if (this.#isSecretNumber(word)) {
      this.#hide(token);
      return;
    }
    if (introducer.test(word) && this.#sql.charAt(token.end) === "'") return;
    this.#name(text);
    if (this.#inSetStatement) {
      this.#inSetStatement = word !== 'for';
      this.#last = '';
      return;
    }
    if (this.#kind === null && !this.#tellKind(word)) return;
    this.#keyword(word);
  }

  /** Whether the tokens before a string make it a secret. */
  get #isHidden(): boolean {
    return this.#expects || this.#hidesAll || this.#callDepth !== null || this.#setPassword === 'value';
  }

  #isSecretNumber(word: string): boolean {
    // KEY (password(10)) in a definition is no call.
    if (this.#callDepth !== null && /^\d+$/.test(word)) {
      return this.#kind !== 'table' && this.#kind !== 'definition';
    }
    return this.#isHidden && numberedString.test(word);
  }

  /** Finds the kind by the first words. Returns whether the word belongs to the statement itself. */
  #tellKind(word: string): boolean {
    if (this.#seeksObject) {
      // Behind these marks it's a name, as in DEFINER = user@event.
      const isName = this.#last === '=' || this.#last === '@';
      this.#kind = isName ? null : (objectKinds[word] ?? null);
      this.#last = word;
      return false;
    }
    switch (word) {
      case 'create':
      case 'alter':
        this.#seeksObject = true;
        this.#last = '';
        return false;
      case 'set':
        this.#last = 'set';
        return false;
      case 'statement':
        this.#inSetStatement = this.#last === 'set';
        this.#kind = this.#inSetStatement ? null : 'other';
        this.#last = '';
        return !this.#inSetStatement;
      case 'password':
        this.#kind = this.#last === 'set' ? 'account' : 'other';
        if (this.#last === 'set') this.#setPassword = 'account';
        return true;
      case 'begin':
        this.#kind = 'routine';
        return true;
      case 'grant':
      case 'revoke':
      case 'change':
      case 'start':
        this.#kind = 'account';
        return true;
      default:
        this.#kind = 'other';
        return true;
    }
  }

  #keyword(word: string): void {
    const before = this.#last;
    switch (word) {
      case 'by':
      case 'with':
      case 'via':
        this.#identifies ||= before === 'identified';
        this.#set(this.#identifies && word === 'by', null, word);
        return;
      case 'challenge_response':
        this.#identifies = true;
        return;
      case 'as':
      case 'using':
      case 'replace':
        this.#set(this.#identifies, null, word);
        return;
      default:
        if (word.endsWith('password')) {
          if (this.#kind === 'routine' && before === 'set' && word === 'password')
            this.#setPassword = 'account';
          const isOption = this.#kind === 'account' || this.#kind === 'routine';
          this.#set(this.#expects || isOption, null, word);
        } else this.#set(false, word, word);
    }
  }

  #mark(mark: string): void {
    this.#qualifies = this.#qualifies === 'schema' && mark === '.' ? 'dot' : 'no';
    switch (mark) {
      case '@':
        this.#readsVariable ||= this.#isHidden;
        this.#set(false, null, '');
        break;
      case '(':
        this.#depth += 1;
        if (passwordCall.test(this.#last)) this.#callDepth ??= this.#depth;
        break;
      case ')':
        if (this.#depth === this.#callDepth) this.#callDepth = null;
        this.#depth -= 1;
        this.#expects = false;
        break;
      case '=':
      case ':':
        if (mark === '=' && this.#setPassword === 'account') this.#setPassword = 'value';
        break;
      case ';':
        this.#identifies = false;
        this.#setPassword = 'no';
        this.#set(false, null, '');
        break;
      default:
        this.#set(false, null, '');
    }
    this.#last = mark;
  }

  #string(token: SqlToken): void {
    const isSecret = this.#isHidden || this.#behindSecret;
    this.#buildsStatement ||= this.#kind === 'routine' && nestedSecret.test(this.#content(token));
    if (isSecret) this.#hide(token);
    else if (this.#option !== null && (this.#kind === 'table' || this.#kind === 'routine')) {
      const value = this.#content(token);
      const shown = connectionWithoutSecret(this.#option, this.#last === '=', value);
      if (shown !== value) {
        const mark = this.#sql.charAt(token.start);
        this.#hide(token, mark + shown + mark);
      }
    }
    this.#set(false, null, '');
    this.#behindSecret = isSecret;
    this.#qualifies = 'no';
  }

  /** What is between the quotation marks. */
  #content({ start, end }: SqlToken): string {
    return this.#sql.slice(start + 1, end - 1);
  }
}
