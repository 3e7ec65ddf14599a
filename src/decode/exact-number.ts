/** A number with more digits than a JavaScript number. Only JSON documents have them. */
export class ExactNumber {
  constructor(readonly text: string) {}

  /** All its digits. */
  toString(): string {
    return this.text;
  }

  /** The digits as a JSON number where the runtime can write one (Node 21 and later), else as text. */
  toJSON(): unknown {
    return 'rawJSON' in JSON && typeof JSON.rawJSON === 'function'
      ? (JSON.rawJSON as (text: string) => unknown)(this.text)
      : this.text;
  }
}
