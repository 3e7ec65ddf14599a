import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { codesIn, tableRows } from '../../docs/markdown.js';

const page = readFileSync('ARCHITECTURE.md', 'utf8');
const contributing = readFileSync('CONTRIBUTING.md', 'utf8');

test('every file and folder that is named is there', () => {
  const paths = [page, contributing]
    .flatMap(codesIn)
    .filter((code) =>
      /^(?:src|test|docs|config|docker|\.ci)(?:\/|$)|^[\w.-]+\.(?:ts|js|mjs|json|md)$/.test(code),
    );
  expect(paths.length).toBeGreaterThan(50);
  expect(paths.filter((path) => !existsSync(path))).toEqual([]);
});

test('the layers are the folders of src, in the order in which the lint rule has them', () => {
  const layers = tableRows(page, 'folder')
    .map(([folder]) => codesIn(folder)[0] ?? '')
    .filter((folder) => folder.startsWith('src/'))
    .map((folder) => folder.replace('src/', ''));
  const folders = readdirSync('src', { withFileTypes: true }).filter((entry) => entry.isDirectory());
  expect(layers.toSorted()).toEqual(folders.map(({ name }) => name).toSorted());
  const rule = /const layers = \[([^\]]*)\]/.exec(readFileSync('eslint.config.js', 'utf8'))?.[1] ?? '';
  const ruled = [...rule.matchAll(/'(\w+)'/g)].map(([, name = '']) => name);
  // The commands are the way in: the rule has them nowhere, and everybody may be imported by them.
  expect(layers.filter((name) => name !== 'cli')).toEqual(ruled);
});

test('no files of src import each other in a circle', () => {
  const files = readdirSync('src', { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.ts'),
  );
  const imports = new Map(files.map((file) => [file, importsOf(file)]));
  expect(imports.size).toBeGreaterThan(300);
  // Files that import none of the rest, or that none of the rest imports, are in no circle.
  for (let before = 0; before !== imports.size;) {
    before = imports.size;
    for (const [file, imported] of imports) {
      const others = [...imports].filter(([other]) => other !== file);
      const isImported = others.some(([, names]) => names.includes(file));
      if (!isImported || !imported.some((name) => imports.has(name))) imports.delete(file);
    }
  }
  expect([...imports.keys()]).toEqual([]);
});

/** The files of src that a file imports, types included. */
function importsOf(file: string): readonly string[] {
  const source = readFileSync(join('src', file), 'utf8');
  return [...source.matchAll(/(?:from|import\()\s*'(\.[^']+)\.js'/g)].map(([, name = '']) =>
    join(dirname(file), `${name}.ts`),
  );
}
