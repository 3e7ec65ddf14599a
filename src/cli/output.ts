import {
  errorDocument,
  exitCodeOf,
  exitCodes,
  isSystemError,
  messageOf,
  WaymarkError,
} from '../util/errors.js';
import { printable } from '../util/printable.js';
import { Interrupted } from './signals.js';

/** Where a command's result and errors go: for programs exactly one JSON document on stdout, for people plain text. */
export class Output {
  readonly json: boolean;
  readonly #stdout: NodeJS.WritableStream;
  readonly #stderr: NodeJS.WritableStream;

  constructor(streams: { stdout: NodeJS.WritableStream; stderr: NodeJS.WritableStream }, json: boolean) {
    this.json = json;
    this.#stdout = streams.stdout;
    this.#stderr = streams.stderr;
  }

  /** Writes the result; resolves when it is out. */
  async result(document: unknown, text: string): Promise<void> {
    await write(this.#stdout, this.json ? JSON.stringify(document) : text);
  }

  /**
   * Says what went wrong and gives the exit code for it. Expected errors are told in a sentence, anything else with its
   * stack and a plea for a report.
   * @param stdoutTaken something else has been written to stdout, which no JSON document may be mixed into.
   */
  async error(error: unknown, options: { hint?: string; stdoutTaken?: boolean } = {}): Promise<number> {
    const expected = error instanceof WaymarkError || error instanceof Interrupted || isSystemError(error);
    if (this.json) {
      const stream = options.stdoutTaken === true ? this.#stderr : this.#stdout;
      await write(stream, JSON.stringify({ error: documentOf(error) }));
      if (!expected) await write(this.#stderr, unexpectedText(error));
    } else {
      const hint = options.hint === undefined ? '' : `\n${options.hint}`;
      await write(this.#stderr, expected ? `waymark: ${error.message}${hint}` : unexpectedText(error));
    }
    return error instanceof Interrupted ? exitCodes.failed : exitCodeOf(error);
  }
}

/** What `--json` shows of an error. */
function documentOf(error: unknown): Record<string, unknown> {
  if (error instanceof WaymarkError) return errorDocument(error);
  if (error instanceof Interrupted) return { code: 'interrupted', message: error.message };
  return { code: isSystemError(error) ? 'system' : 'unexpected', message: messageOf(error) };
}

/** An error that nobody foresaw: all that helps to find its cause; whose the system is, in a sentence. */
export function unexpectedText(error: unknown): string {
  if (isSystemError(error)) return `waymark: ${error.message}`;
  const what = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return (
    `waymark: unexpected error: ${what}\n` +
    'This is a bug in waymark. Please report it, with the lines above, the version (waymark --version) and the command.'
  );
}

/**
 * Resolves when the text has been handed over. A reader that has gone (`waymark … | head`) is no error. Names out of
 * servers and files stand in what is shown: none of it may command a terminal.
 */
function write(stream: NodeJS.WritableStream, text: string): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      resolve();
    };
    stream.once('error', done);
    stream.write(`${printable(text)}\n`, done);
  });
}
