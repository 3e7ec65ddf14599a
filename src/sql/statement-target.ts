import { type SqlToken, nameOf, scanTokens } from './tokens.js';
import type { SqlQuoting } from './text.js';
import type { QualifiedName } from './qualified-names.js';

/** What a statement creates, changes or removes. */
export type StatementTarget =
  | { readonly kind: 'schema'; readonly schema: string }
  | { readonly kind: 'tables'; readonly tables: readonly QualifiedName[] };

/** The most tables of a DROP or RENAME. If a statement names more, there is no target. */
const mostTables = 1000;
/** How far an ALTER TABLE is searched for other tables. */
const mostTokens = 100_000;

/**
 * The target of a DDL statement, if its beginning tells: CREATE, ALTER, DROP DATABASE; CREATE, ALTER, DROP, RENAME,
 * TRUNCATE TABLE; CREATE and DROP INDEX. Null for every other statement, and in doubt.
 * @param sql its text.
 * @param schema the default schema, in which names without one are.
 */
export function targetOf(sql: string, schema: string, quoting: SqlQuoting): StatementTarget | null {
  return new TargetReader(tokensOf(sql, quoting), sql, schema).target();
}

const headWords = /^(?:create|alter|drop|rename|truncate|set)$/i;

/** The tokens of a statement that may be one of these. Empty for others. */
function tokensOf(sql: string, quoting: SqlQuoting): readonly SqlToken[] {
  const tokens: SqlToken[] = [];
  scanTokens(sql, { ...quoting, executes: true, dollarQuotes: false }, (token) => {
    if (token.kind === 'comment') return true;
    tokens.push(token);
    return tokens.length === 1
      ? headWords.test(sql.slice(token.start, token.end))
      : tokens.length < mostTokens;
  });
  return tokens;
}

const databaseOptions = ['DEFAULT', 'CHARACTER', 'CHARSET', 'COLLATE', 'COMMENT', 'ENCRYPTION', 'READ'];

/** Reads the beginning of a statement, word by word. */
class TargetReader {
  readonly #tokens: readonly SqlToken[];
  readonly #sql: string;
  readonly #schema: string;
  #at = 0;

  constructor(tokens: readonly SqlToken[], sql: string, schema: string) {
    this.#tokens = tokens;
    this.#sql = sql;
    this.#schema = schema;
  }

  target(): StatementTarget | null {
    if (this.#tokens.length >= mostTokens) return null;
    if (this.#skip('SET')) {
      // MariaDB: SET STATEMENT variable = value, … FOR a statement.
      if (!this.#skip('STATEMENT')) return null;
      while (!this.#skip('FOR')) {
        this.#at += 1;
        if (this.#at >= this.#tokens.length) return null;
      }
    }
    if (this.#skip('CREATE')) return this.#create();
    if (this.#skip('ALTER')) return this.#alter();
    if (this.#skip('DROP')) return this.#drop();
    if (this.#skip('RENAME')) return this.#skip('TABLE', 'TABLES') ? this.#rename() : null;
    if (!this.#skip('TRUNCATE')) return null;
    this.#skip('TABLE');
    return this.#table();
  }

  #create(): StatementTarget | null {
    if (this.#skip('OR')) this.#skip('REPLACE');
    if (this.#skip('DATABASE', 'SCHEMA')) return this.#database();
    this.#skip('TEMPORARY');
    if (this.#skip('TABLE')) return this.#table();
    this.#skip('ONLINE', 'OFFLINE');
    this.#skip('UNIQUE', 'FULLTEXT', 'SPATIAL', 'VECTOR');
    return this.#skip('INDEX') ? this.#index() : null;
  }

  #alter(): StatementTarget | null {
    if (this.#skip('DATABASE', 'SCHEMA')) {
      // Without a name: the default schema.
      return this.#skip(...databaseOptions) ? null : this.#database();
    }
    while (this.#skip('ONLINE', 'OFFLINE', 'IGNORE'));
    return this.#skip('TABLE') && !this.#namesOtherTable() ? this.#table() : null;
  }

  #drop(): StatementTarget | null {
    if (this.#skip('DATABASE', 'SCHEMA')) return this.#database();
    this.#skip('TEMPORARY');
    if (this.#skip('TABLE', 'TABLES')) return this.#list();
    this.#skip('ONLINE', 'OFFLINE');
    return this.#skip('INDEX') ? this.#index() : null;
  }

  #database(): StatementTarget | null {
    this.#skipExistence();
    const schema = this.#name();
    return schema === null ? null : { kind: 'schema', schema };
  }

  #table(): StatementTarget | null {
    this.#skipExistence();
    const name = this.#qualified();
    return name && { kind: 'tables', tables: [name] };
  }

  /** The index's name, perhaps a type, then ON and the table. */
  #index(): StatementTarget | null {
    this.#skipExistence();
    if (this.#name() === null) return null;
    if (this.#skip('USING')) this.#at += 1;
    return this.#skip('ON') ? this.#table() : null;
  }

  #list(): StatementTarget | null {
    this.#skipExistence();
    const tables: QualifiedName[] = [];
    do {
      const name = this.#qualified();
      if (name === null || tables.length >= mostTables) return null;
      tables.push(name);
    } while (this.#skipMark(','));
    return { kind: 'tables', tables };
  }

  /** `a TO b, …`. MariaDB allows a time limit after `a`. */
  #rename(): StatementTarget | null {
    this.#skipExistence();
    const tables: QualifiedName[] = [];
    do {
      const from = this.#qualified();
      if (this.#skip('WAIT')) this.#at += 1;
      else this.#skip('NOWAIT');
      const to = this.#skip('TO') ? this.#qualified() : null;
      if (from === null || to === null || tables.length >= 2 * mostTables) return null;
      tables.push(from, to);
    } while (this.#skipMark(','));
    return { kind: 'tables', tables };
  }

  /**
   * Whether an ALTER TABLE may have another table in it than the one it begins with: RENAME TO, EXCHANGE PARTITION,
   * CONVERT TABLE, UNION.
   */
  #namesOtherTable(): boolean {
    return this.#tokens.some((token, index) => {
      if (token.kind !== 'word') return false;
      const next = this.#tokens[index + 1];
      const nextWord = next?.kind === 'word' ? this.#sql.slice(next.start, next.end) : '';
      switch (this.#sql.slice(token.start, token.end).toUpperCase()) {
        case 'RENAME':
          return !/^(?:COLUMN|INDEX|KEY)$/i.test(nextWord);
        case 'CONVERT':
          return !/^TO$/i.test(nextWord);
        case 'EXCHANGE':
        case 'UNION':
          return true;
        default:
          return false;
      }
    });
  }

  #skipExistence(): void {
    if (!this.#skip('IF')) return;
    this.#skip('NOT');
    this.#skip('EXISTS');
  }

  /** Skips the next token if it is one of these words. */
  #skip(...words: readonly string[]): boolean {
    const token = this.#tokens[this.#at];
    if (token?.kind !== 'word') return false;
    const found = words.includes(this.#sql.slice(token.start, token.end).toUpperCase());
    if (found) this.#at += 1;
    return found;
  }

  #skipMark(mark: string): boolean {
    const token = this.#tokens[this.#at];
    const found = token?.kind === 'mark' && this.#sql.charAt(token.start) === mark;
    if (found) this.#at += 1;
    return found;
  }

  /** `table` or `schema.table`. MySQL takes `.table`, too. */
  #qualified(): QualifiedName | null {
    const startsWithDot = this.#skipMark('.');
    const first = this.#name();
    if (first === null) return null;
    if (startsWithDot || !this.#skipMark('.')) return { schema: this.#schema, table: first };
    const table = this.#name();
    return table === null ? null : { schema: first, table };
  }

  #name(): string | null {
    const token = this.#tokens[this.#at];
    if (token?.kind !== 'word' && token?.kind !== 'name') return null;
    this.#at += 1;
    return nameOf(this.#sql, token);
  }
}
