const plain = /-?\d[\d.eE+-]*|true|false|null|[[\]{},:]/y;

/** The tokens of JSON without white space, as JsonWriter and JSON.stringify write it. */
export class JsonTokens {
  readonly #text: string;
  #end = 0;

  constructor(text: string) {
    this.#text = text;
  }

  /** Where the last token ends. */
  get end(): number {
    return this.#end;
  }

  /**
   * The text of the next token; null at the end.
   * @throws SyntaxError if there is none.
   */
  next(): string | null {
    const start = this.#end;
    if (start >= this.#text.length) return null;
    this.#end = this.#text.charAt(start) === '"' ? this.#endOfString(start) : this.#endOfPlain(start);
    return this.#text.slice(start, this.#end);
  }

  #endOfPlain(start: number): number {
    plain.lastIndex = start;
    if (!plain.test(this.#text)) throw new SyntaxError('not JSON');
    return plain.lastIndex;
  }

  /** Strings may have megabytes. A pattern with alternatives would recurse as deep as they are long. */
  #endOfString(start: number): number {
    const text = this.#text;
    let end = start + 1;
    while (text.charAt(end) !== '"') {
      if (end >= text.length) throw new SyntaxError('not JSON');
      end += text.charAt(end) === '\\' ? 2 : 1;
    }
    return end + 1;
  }
}
