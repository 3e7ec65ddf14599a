/**
 * What a terminal takes for more than text: control characters (an ESC begins a command to it, and so does U+009B), and
 * the marks that turn the direction of writing (Unicode Standard Annex 9).
 */
// eslint-disable-next-line no-control-regex
const unprintable = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g;

/**
 * A text as it may go to a terminal: what is no character to print is written as `\u001b`. Tabs and line breaks stay.
 * A document of JSON means the same afterwards.
 */
export function printable(text: string): string {
  return text.replace(unprintable, escaped);
}

/** The text on one line: each run of tabs and line breaks is a blank. */
export function onOneLine(text: string): string {
  return text.replace(/[\t\n\r\v\f]+/g, ' ');
}

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
