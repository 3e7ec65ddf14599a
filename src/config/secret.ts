import { inspect } from 'node:util';

const mask = '[secret]';

/** A password or the like: it never shows up in a log, an error or a dump, whoever prints it in whatever way. */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  /** The value itself; for the call that needs it, not to be kept. */
  reveal(): string {
    return this.#value;
  }

  /** `[secret]`, in templates and string concatenation. */
  toString(): string {
    return mask;
  }

  /** `[secret]`, in JSON and therefore in logs. */
  toJSON(): string {
    return mask;
  }

  /** `[secret]`, in console output and assertion messages. */
  [inspect.custom](): string {
    return mask;
  }
}
