/**
 * Characters that a terminal doesn't show as text: control characters (ESC and U+009B begin a command to the terminal),
 * and marks that change the direction of writing (Unicode Standard Annex 9).
 */
// eslint-disable-next-line no-control-regex
const unprintable = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g;

/**
 * Returns a text that is safe to print on a terminal: unprintable characters become escapes such as `\u001b`. Tabs and
 * line breaks stay. A JSON document keeps its meaning.
 */
export function printable(text: string): string {
  return text.replace(unprintable, escaped);
}

/** Returns the text on one line: each run of tabs and line breaks becomes a space. */
export function onOneLine(text: string): string {
  return text.replace(/[\t\n\r\v\f]+/g, ' ');
}

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
