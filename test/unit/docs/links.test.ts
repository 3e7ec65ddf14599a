import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, expect, test } from 'vitest';
import { documents, withoutBlocks } from '../../docs/markdown.js';

/** Links between documents, and names of documents in the code and in examples. */

type Link = { readonly from: string; readonly path: string; readonly anchor: string | undefined };

const all = documents();

/** A heading's anchor, as GitHub and npm make it. */
function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .trim()
    .replace(/\s/g, '-');
}

function anchorsOf(path: string): string[] {
  const text = withoutBlocks(readFileSync(path, 'utf8'));
  return [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) => anchorOf(heading));
}

const links: Link[] = all.flatMap(({ path: from, text }) =>
  [...withoutBlocks(text).matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target = '']) => target)
    .filter((target) => !/^[a-z]+:/.test(target))
    .map((target) => {
      const [file = '', anchor] = target.split('#');
      return { from, path: file === '' ? from : normalize(join(dirname(from), file)), anchor };
    }),
);

test('there are links', () => {
  expect(links.length).toBeGreaterThan(100);
});

test('every link leads to a file', () => {
  expect(links.filter(({ path }) => !existsSync(path))).toEqual([]);
});

test('every anchor is a heading', () => {
  const lost = links.filter(
    ({ path, anchor }) => anchor !== undefined && path.endsWith('.md') && !anchorsOf(path).includes(anchor),
  );
  expect(lost).toEqual([]);
});

test('no two headings of a document have one anchor', () => {
  for (const { path } of all) expect(new Set(anchorsOf(path)).size, path).toBe(anchorsOf(path).length);
});

test('every document is reached from the README', () => {
  const reached = new Set(['README.md']);
  for (const path of reached) {
    for (const link of links) if (link.from === path && link.path.endsWith('.md')) reached.add(link.path);
  }
  expect(all.map(({ path }) => path).filter((path) => !reached.has(path))).toEqual([]);
});

test('the README has less than 150 lines', () => {
  expect(readFileSync('README.md', 'utf8').trimEnd().split('\n').length).toBeLessThan(150);
});

test('each page begins with the task that it helps with', () => {
  const pages = all.filter(({ path }) => path.startsWith('docs/') && path !== 'docs/README.md');
  for (const { path, text } of pages) expect(text, path).toMatch(/^# .*\n\nUse this page to /);
});

describe('the package', () => {
  const { files } = JSON.parse(readFileSync('package.json', 'utf8')) as { files: string[] };
  const isPacked = (path: string): boolean =>
    files.some((name) => path === name || path.startsWith(`${name}/`));

  test('has every document, and what they link to', () => {
    expect(all.map(({ path }) => path).filter((path) => !isPacked(path))).toEqual([]);
    expect(links.filter(({ path }) => !isPacked(path))).toEqual([]);
  });
});

test('documents that the code and the examples name are there, and have what is named', () => {
  const files = ['src', 'config', 'test'].flatMap((folder) =>
    readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((name) => /\.(?:ts|yaml)$/.test(name) && !name.startsWith('unit/docs/'))
      .map((name) => join(folder, name)),
  );
  // `docs/limits.md`, `docs/limits.md, Locks` or `docs/limits.md, "Foreign keys"`.
  const named = files.flatMap((path) => [
    ...readFileSync(path, 'utf8').matchAll(
      /(?<![\w./])(docs\/[\w-]+\.md)(?:, (?:"([^"]+)"|([A-Z]\w+(?: \w+)?)))?/g,
    ),
  ]);
  expect(named.length).toBeGreaterThan(10);
  for (const [text, path = '', quoted, heading = quoted] of named) {
    expect(existsSync(path), text).toBe(true);
    if (heading !== undefined) expect(anchorsOf(path), text).toContain(anchorOf(heading));
  }
});
