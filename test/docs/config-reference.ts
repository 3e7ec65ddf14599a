import { z } from 'zod';
import { configSchema } from '../../src/config/schema.js';
import { configKeys } from './config-keys.js';

/** What of a JSON schema the reference is made from. */
type Node = {
  readonly type?: string;
  readonly properties?: Readonly<Record<string, Node>>;
  readonly required?: readonly string[];
  readonly oneOf?: readonly Node[];
  readonly const?: string;
  readonly enum?: readonly string[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly default?: unknown;
};

/** A line of a table. `path` is the key in configKeys, `key` is how people write it. */
type KeyRow = {
  readonly path: string;
  readonly key: string;
  readonly node: Node;
  readonly isRequired: boolean;
};

/** The schema of what is written in the file, with every default. */
function schemaOfFile(): Node {
  return z.toJSONSchema(configSchema, {
    io: 'input',
    unrepresentable: 'any',
    // A default in front of a transformation is left out otherwise: it isn't written as it comes out.
    override: ({ zodSchema: { _zod }, jsonSchema }) => {
      if (_zod.def.type === 'default') jsonSchema.default = _zod.def.defaultValue;
    },
  }) as Node;
}

function rowsOf(node: Node, path: string, key: string): KeyRow[] {
  return Object.entries(node.properties ?? {})
    .filter(([, child]) => child.const === undefined)
    .flatMap(([name, child]) => {
      const row = {
        path: `${path}${name}`,
        key: `${key}${name}`,
        node: child,
        isRequired: node.required?.includes(name) === true,
      };
      return [row, ...rowsOf(child, `${row.path}.`, `${row.key}.`)];
    });
}

/** The kinds of a section that has several, by the word that tells them apart. */
function kindsOf(node: Node): { readonly key: string; readonly word: string; readonly node: Node }[] {
  return (node.oneOf ?? []).map((kind) => {
    const [key, { const: word }] = Object.entries(kind.properties ?? {}).find(([, child]) => child.const) ?? [
      '',
      {},
    ];
    return { key, word: word ?? '', node: kind };
  });
}

function isSection(node: Node): boolean {
  return node.properties !== undefined || node.oneOf !== undefined;
}

/** All keys of the schema, as configKeys has them. */
export function schemaKeys(): string[] {
  return Object.entries(schemaOfFile().properties ?? {}).flatMap(([name, node]) => [
    name,
    ...rowsOf(node, `${name}.`, '').map(({ path }) => path),
    ...kindsOf(node).flatMap((kind) =>
      rowsOf(kind.node, `${name}(${kind.word}).`, '').map(({ path }) => path),
    ),
  ]);
}

function textOf(path: string) {
  const text = configKeys[path];
  if (text === undefined) throw new Error(`test/docs/config-keys.ts says nothing of the key ${path}`);
  return text;
}

function valueOf({ path, node }: KeyRow): string {
  const { value, unit } = textOf(path);
  if (value !== undefined) return value;
  if (node.enum !== undefined) return node.enum.map((word) => `\`${word}\``).join(', ');
  if (node.type === 'boolean') return '`true` or `false`';
  if (node.type === 'integer') {
    return `${unit === undefined ? 'a whole number' : `a number of ${unit}`}, ${String(node.minimum)} to ${String(node.maximum)}`;
  }
  throw new Error(`test/docs/config-keys.ts must say what the value of ${path} is`);
}

function defaultOf({ path, node, isRequired }: KeyRow): string {
  const { without, value } = textOf(path);
  if (without !== undefined) return without;
  if (isRequired) return 'required';
  if (node.default === undefined)
    throw new Error(`test/docs/config-keys.ts must say what holds without ${path}`);
  if (value?.startsWith('a size') && typeof node.default === 'number')
    return `\`${node.default / 1024 ** 2}M\``;
  if (value === 'a duration' && typeof node.default === 'number') return `\`${node.default / 1000}s\``;
  return `\`${typeof node.default === 'string' ? node.default : JSON.stringify(node.default).replaceAll('"', "'")}\``;
}

function table(rows: readonly KeyRow[]): string {
  const lines = rows.map((row) => {
    const cells = [`\`${row.key}\``, valueOf(row), defaultOf(row), textOf(row.path).says];
    return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  });
  return ['| key | value | default | |', '|---|---|---|---|', ...lines].join('\n');
}

function sectionText(name: string, node: Node, isRequired: boolean): string {
  const kinds = kindsOf(node).map(({ key, word, node: kind }) => {
    const rows = rowsOf(kind, `${name}(${word}).`, `${name}.`);
    return `With \`${key}: ${word}\`${rows.length === 0 ? ': nothing else.' : `:\n\n${table(rows)}`}`;
  });
  const standard = node.default as Readonly<Record<string, string>> | undefined;
  const [word] = Object.entries(standard ?? {});
  const remark = isRequired
    ? ' Required.'
    : word === undefined || node.oneOf === undefined
      ? ''
      : ` Without it: \`${word.join(': ')}\`.`;
  const heading = `### ${name}\n\n${textOf(name).says}${remark}`;
  if (kinds.length > 0) return [heading, ...kinds].join('\n\n');
  return `${heading}\n\n${table(rowsOf(node, `${name}.`, `${name}.`))}`;
}

/** The reference of the config file's keys, in Markdown. */
export function configReference(): string {
  const schema = schemaOfFile();
  const all = Object.entries(schema.properties ?? {});
  const isRequired = (name: string): boolean => schema.required?.includes(name) === true;
  const plain = all
    .filter(([, node]) => !isSection(node))
    .map(([name, node]) => ({ path: name, key: name, node, isRequired: isRequired(name) }));
  const sections = all
    .filter(([, node]) => isSection(node))
    .map(([name, node]) => sectionText(name, node, isRequired(name)));
  return ['### Top level', table(plain), ...sections].join('\n\n');
}
