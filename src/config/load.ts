import { readFile } from 'node:fs/promises';

import { LineCounter, parseDocument } from 'yaml';

import { WaymarkError, messageOf } from '../util/errors.js';
import { type ConfigProblem, type KeyPath, expandVariables, isBelow, withValueAt } from './expand.js';
import { type Config, configSchema } from './schema.js';

/** Values that beat the file and the environment (flags): by dotted key, for example `{'log.level': 'debug'}`. */
export type ConfigOverrides = Readonly<Record<string, unknown>>;

/** Which variable beats which key of the file. */
const variables = [
  ['WAYMARK_USER', 'user'],
  ['WAYMARK_PASSWORD', 'password'],
] as const;

/**
 * Reads a config file. `${NAME}` in a value stands for a variable of the environment, `$${` for a plain `${`.
 * What wins: file < WAYMARK_USER and WAYMARK_PASSWORD < overrides.
 *
 * @throws WaymarkError `config`: the file can't be read, isn't YAML (with line and column), or is wrong; then one
 *   error tells all the problems, and `details.problems` lists them as `{key, message}`.
 */
export async function loadConfig(
  path: string,
  environment: Readonly<Record<string, string | undefined>>,
  overrides: ConfigOverrides = {},
): Promise<Config> {
  let source: string;
  try {
    source = await readFile(path, 'utf8');
  } catch (error) {
    const message = `cannot read the config file ${path}: ${messageOf(error)}`;
    throw new WaymarkError('config', message, { cause: error, details: { file: path } });
  }
  return parseConfig(source, path, environment, overrides);
}

/**
 * As loadConfig, from the text of a file.
 * @param name what the text is called in messages.
 */
export function parseConfig(
  source: string,
  name: string,
  environment: Readonly<Record<string, string | undefined>>,
  overrides: ConfigOverrides = {},
): Config {
  const { value, problems } = expandVariables(parseYaml(source, name), environment);
  let merged: unknown = value ?? {};
  const replaced: KeyPath[] = [];
  const replace = (key: string, replacement: unknown): void => {
    const path = key.split('.');
    merged = withValueAt(merged, path, replacement);
    replaced.push(path);
  };
  for (const [variable, key] of variables) {
    const replacement = environment[variable];
    // Empty is how an unset variable often arrives; it only says something where nobody else does.
    if (replacement !== undefined && (replacement !== '' || !hasKey(merged, key))) replace(key, replacement);
  }
  for (const [key, replacement] of Object.entries(overrides)) {
    if (replacement !== undefined) replace(key, replacement);
  }
  const missing = problems.filter((problem) => !replaced.some((path) => isBelow(problem.path, path)));
  const result = configSchema.safeParse(merged);
  if (result.success && missing.length === 0) return result.data;

  const wrong = (result.error?.issues ?? [])
    .map(({ path, message }): ConfigProblem => ({ path: path.map(toKey), message }))
    .filter((problem) => !missing.some(({ path }) => isBelow(problem.path, path)));
  throw complaint(name, [...missing, ...wrong]);
}

function parseYaml(source: string, name: string): unknown {
  const lines = new LineCounter();
  // No pretty errors: they show the line, and a password may stand on it.
  const document = parseDocument(source, { lineCounter: lines, prettyErrors: false });
  const [problem] = [...document.errors, ...document.warnings];
  if (problem !== undefined) {
    const { line, col } = lines.linePos(problem.pos[0]);
    const onSecret = /password|token/i.test(source.split('\n')[line - 1] ?? '');
    const what = onSecret ? 'this value cannot be read, put it in quotes' : problem.message;
    throw new WaymarkError('config', `${name}:${String(line)}:${String(col)}: not valid YAML: ${what}`, {
      details: { file: name, line, column: col },
    });
  }
  let value: unknown;
  try {
    value = document.toJS();
  } catch (error) {
    // An alias without its anchor, or a document that unfolds without end.
    throw new WaymarkError('config', `${name}: not valid YAML: an alias (*name) in it cannot be followed`, {
      cause: error,
      details: { file: name },
    });
  }
  if (value === null || (typeof value === 'object' && !Array.isArray(value))) return value;
  throw complaint(name, [
    { path: [], message: 'must be keys with values, for example "stream: shop-audit"' },
  ]);
}

function hasKey(value: unknown, key: string): boolean {
  return typeof value === 'object' && value !== null && Reflect.get(value, key) !== undefined;
}

function toKey(key: PropertyKey): string | number {
  return typeof key === 'symbol' ? String(key) : key;
}

function complaint(name: string, problems: readonly ConfigProblem[]): WaymarkError {
  const lines = problems.map(({ path, message }) => {
    const key = formatKey(path);
    return { key, text: key === '' ? message : `${key}: ${message}`, message };
  });
  const [only] = lines;
  const message =
    lines.length === 1 && only !== undefined
      ? `${name}: ${only.text}`
      : `${name}: ${String(lines.length)} problems\n${lines.map((line) => `  - ${line.text}`).join('\n')}`;
  return new WaymarkError('config', message, {
    details: { file: name, problems: lines.map((line) => ({ key: line.key, message: line.message })) },
  });
}

/** `servers[0].address`; '' for the whole file. */
function formatKey(path: KeyPath): string {
  return path
    .map((key, index) => (typeof key === 'number' ? `[${String(key)}]` : index === 0 ? key : `.${key}`))
    .join('');
}
