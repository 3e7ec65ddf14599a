import { inspect } from 'node:util';

const mask = '[secret]';

/** A password or the like. It never shows up in a log, an error or a dump, however it is printed. */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  /** The value. Pass it to the call that needs it, and don't keep it. */
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
