import { readdirSync, readFileSync } from 'node:fs';

/** A document, by its path from the repository's root. */
export type Document = { readonly path: string; readonly text: string };

/** All documents of the repository. */
export function documents(): Document[] {
  return [...readdirSync('.'), ...readdirSync('docs').map((name) => `docs/${name}`)]
    .filter((path) => path.endsWith('.md'))
    .toSorted()
    .map((path) => ({ path, text: readFileSync(path, 'utf8') }));
}

/** The blocks of code in these languages, without the indentation that they have in a list. */
export function codeBlocks(text: string, ...languages: readonly string[]): string[] {
  return [...text.matchAll(/^( *)```(\w*)\n([\s\S]*?)^ *```$/gm)]
    .filter(([, , language = '']) => languages.includes(language))
    .map(([, indent = '', , code = '']) => code.replace(new RegExp(`^${indent}`, 'gm'), ''));
}

/** A document without its blocks of code. */
export function withoutBlocks(text: string): string {
  return text.replace(/^ *```[\s\S]*?^ *```$/gm, '');
}

/** The rows of all tables whose first heading is this one: their cells, without the headings. */
export function tableRows(text: string, heading: string): string[][] {
  const lines = withoutBlocks(text).split('\n');
  const begins = lines.flatMap((line, index) => (cellsOf(line)[0] === heading ? [index] : []));
  return begins.flatMap((begin) => {
    const rest = lines.slice(begin + 2);
    const end = rest.findIndex((line) => !line.startsWith('|'));
    return rest.slice(0, end < 0 ? undefined : end).map(cellsOf);
  });
}

function cellsOf(line: string): string[] {
  if (!line.startsWith('|')) return [];
  return line
    .slice(1, -1)
    .split(/(?<!\\)\|/)
    .map((cell) => cell.trim());
}

/** What stands in backticks, in order. */
export function codesIn(text: string | undefined): string[] {
  return [...(text ?? '').matchAll(/`([^`]+)`/g)].map(([, code]) => code ?? '');
}
