import { stripVTControlCharacters, styleText } from 'node:util';

type Style = Parameters<typeof styleText>[0];

/** Where the demo is shown: lines that stay, and below them, where a person watches, one that moves. */
export class Screen {
  readonly #stream: NodeJS.WriteStream;
  readonly #coloured: boolean;
  readonly #began = performance.now();
  #moving = '';
  #plainAt = 0;

  constructor(stream: NodeJS.WriteStream, environment: Readonly<Record<string, string | undefined>>) {
    this.#stream = stream;
    this.#coloured = stream.isTTY && (environment['NO_COLOR'] ?? '') === '' && environment['TERM'] !== 'dumb';
  }

  /** Text in a style, where colours are wanted. */
  style(style: Style, text: string): string {
    return this.#coloured ? styleText(style, text) : text;
  }

  /** A line as it is. */
  plain(text = ''): void {
    this.#erase();
    this.#stream.write(`${text}\n`);
    this.#draw();
  }

  /** A step, with the seconds since the beginning. */
  step(text: string): void {
    this.plain(`${this.#seconds()}  ${text}`);
  }

  /** What belongs to the step above. */
  detail(name: string, text: string): void {
    this.plain(`${' '.repeat(9)}  ${this.style('dim', name.padEnd(12))} ${text}`);
  }

  /** The line that moves; where nobody watches, a plain one every second. */
  progress(text: string): void {
    if (this.#stream.isTTY) {
      this.#erase();
      this.#moving = `${this.#seconds()}  ${text}`;
      this.#draw();
    } else if (performance.now() - this.#plainAt >= 1000) {
      this.#plainAt = performance.now();
      this.step(text);
    }
  }

  /** Takes the moving line away. */
  settle(): void {
    this.#erase();
    this.#moving = '';
  }

  #seconds(): string {
    const seconds = ((performance.now() - this.#began) / 1000).toFixed(1);
    return this.style('dim', `${seconds.padStart(7)} s`);
  }

  #draw(): void {
    if (this.#moving === '') return;
    // A line that wraps could not be erased.
    const fits = stripVTControlCharacters(this.#moving).length < this.#stream.columns;
    this.#stream.write(
      fits ? this.#moving : stripVTControlCharacters(this.#moving).slice(0, this.#stream.columns - 1),
    );
  }

  #erase(): void {
    if (this.#moving !== '') this.#stream.write('\r\u001b[2K');
  }
}
