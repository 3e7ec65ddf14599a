import { basename, join } from 'node:path';

import { LineCounter, parseDocument } from 'yaml';

import { runtime } from '../runtime/runtime.js';
import { WaymarkError, messageOf } from '../util/errors.js';
import { type ConfigProblem, type KeyPath, expandVariables, isBelow, withValueAt } from './expand.js';
import { type Config, configSchema } from './schema.js';
import {
  clashes,
  type FileProblem,
  isSection,
  keysOf,
  misplacedKeys,
  type RawDocument,
  splitStreams,
  type SplitDocument,
} from './streams.js';

/** Values that override the file and the environment (flags), by dotted key, for example `{'log.level': 'debug'}`. */
export type ConfigOverrides = Readonly<Record<string, unknown>>;

/** The configurations of an agent's streams. Settings of the whole agent are the same in all. */
export type Configs = readonly [Config, ...Config[]];

type Environment = Readonly<Record<string, string | undefined>>;

/** The environment variables that override keys of the file. */
const variables = [
  ['WAYMARK_USER', 'user'],
  ['WAYMARK_PASSWORD', 'password'],
] as const;

/**
 * Reads the configurations of all streams of an agent: from a config file with one stream, or with a list of them
 * under `streams` (keys outside the list apply to all streams that don't have the key themselves), or from a folder
 * of config files with one stream each (and perhaps a `defaults.yaml` for all). `${NAME}` in a value stands for a
 * variable of the environment, `$${` for a plain `${`. Precedence, lowest first: file, WAYMARK_USER and
 * WAYMARK_PASSWORD, overrides.
 *
 * @throws WaymarkError `config`: a file can't be read, isn't YAML (with line and column), or is wrong. Then one error
 * has all problems, and `details.problems` lists them as `{key, message}`.
 */
export async function loadConfigs(
  path: string,
  environment: Environment,
  overrides: ConfigOverrides = {},
): Promise<Configs> {
  const files = await filesOf(path);
  if (files === null) return parseConfigs(await readText(path), path, environment, overrides);
  let shared: RawDocument | null = null;
  const streams: RawDocument[] = [];
  for (const file of files) {
    const raw = rawDocument(await readText(file), file, environment);
    if (/^defaults\.ya?ml$/.test(basename(file))) shared = raw;
    else streams.push(raw);
  }
  return resolve(path, { shared, streams, several: true }, environment, overrides);
}

/**
 * Like loadConfigs, for commands that work on one stream.
 * @param stream its name. It may be left out if there is only one.
 * @throws WaymarkError `usage` when there are several and none is named, or none has that name.
 */
export async function loadConfig(
  path: string,
  environment: Environment,
  overrides: ConfigOverrides = {},
  stream?: string,
): Promise<Config> {
  return oneOfStreams(await loadConfigs(path, environment, overrides), path, stream);
}

/** As loadConfig, from the text of a file with one stream; `name` is what it is called in messages. */
export function parseConfig(
  source: string,
  name: string,
  environment: Environment,
  overrides: ConfigOverrides = {},
): Config {
  return oneOfStreams(parseConfigs(source, name, environment, overrides), name, undefined);
}

/** As loadConfigs, from the text of a file; `name` is what it is called in messages. */
export function parseConfigs(
  source: string,
  name: string,
  environment: Environment,
  overrides: ConfigOverrides = {},
): Configs {
  return resolve(name, splitStreams(rawDocument(source, name, environment)), environment, overrides);
}

/** The config files of a folder, by name. Null if it isn't one. */
async function filesOf(path: string): Promise<string[] | null> {
  try {
    const { disk } = runtime();
    if ((await disk.status(path)).kind !== 'folder') return null;
    const names = (await disk.list(path)).map(({ name }) => name);
    const files = names.filter((name) => /^[^.].*\.ya?ml$/.test(name)).toSorted();
    return files.map((name) => join(path, name));
  } catch (error) {
    throw unreadable(path, error);
  }
}

async function readText(path: string): Promise<string> {
  try {
    return String(await runtime().disk.readFile(path));
  } catch (error) {
    throw unreadable(path, error);
  }
}

function unreadable(path: string, cause: unknown): WaymarkError {
  const message = `cannot read the config file ${path}: ${messageOf(cause)}`;
  return new WaymarkError('config', message, { cause, details: { file: path } });
}

function rawDocument(source: string, name: string, environment: Environment): RawDocument {
  const { value, problems } = expandVariables(parseYaml(source, name), environment);
  return { name, prefix: [], value: value ?? {}, problems };
}

/**
 * The stream by that name, or the only one.
 * @param name what the file is called in the message.
 * @throws WaymarkError `usage`, as {@link loadConfig}.
 */
export function oneOfStreams(configs: Configs, name: string, stream: string | undefined): Config {
  const [only, ...others] = configs;
  const found =
    stream === undefined ? (others.length === 0 ? only : null) : configs.find((one) => one.stream === stream);
  if (found) return found;
  const known = configs.map((one) => one.stream).join(', ');
  throw new WaymarkError(
    'usage',
    stream === undefined
      ? `${name} has several streams: say which one with --stream (${known})`
      : `${name} has no stream "${stream}": there is ${known}`,
  );
}

function resolve(
  name: string,
  { shared, streams, several }: SplitDocument,
  environment: Environment,
  overrides: ConfigOverrides,
): Configs {
  const configs: Config[] = [];
  const problems: FileProblem[] = [];
  for (const own of streams) {
    const { config, wrong } = resolveStream(own, shared, environment, overrides);
    if (config !== null) configs.push(config);
    problems.push(...wrong, ...(several ? misplacedKeys(own) : []));
  }
  if (problems.length === 0) problems.push(...clashes(configs, streams));
  const [first, ...others] = configs;
  if (problems.length > 0 || first === undefined) {
    const none = {
      file: name,
      path: several ? ['streams'] : [],
      message: 'has no stream: at least one is needed',
    };
    throw complaint(name, problems.length > 0 ? problems : [none]);
  }
  return [first, ...others];
}

function resolveStream(
  own: RawDocument,
  shared: RawDocument | null,
  environment: Environment,
  overrides: ConfigOverrides,
): { config: Config | null; wrong: FileProblem[] } {
  const [mine, common] = [keysOf(own.value), keysOf(shared?.value)];
  /** Where a stream's key is: in its own part, unless only the shared part has it. */
  const place = (path: KeyPath): { file: string; path: KeyPath } => {
    const key = String(path[0] ?? '');
    if (shared !== null && !mine.has(key) && common.has(key)) return { file: shared.name, path };
    return { file: own.name, path: [...own.prefix, ...path] };
  };
  let merged: unknown = isSection(own.value)
    ? { ...(isSection(shared?.value) ? shared.value : {}), ...own.value }
    : own.value;
  const replaced: KeyPath[] = [];
  const replace = (key: string, replacement: unknown): void => {
    const path = key.split('.');
    merged = withValueAt(merged, path, replacement);
    replaced.push(path);
  };
  for (const [variable, key] of variables) {
    const replacement = environment[variable];
    // An unset variable often arrives as empty. So an empty one counts only if nothing else sets the value.
    if (replacement !== undefined && (replacement !== '' || !hasKey(merged, key))) replace(key, replacement);
  }
  for (const [key, replacement] of Object.entries(overrides)) {
    if (replacement !== undefined) replace(key, replacement);
  }
  const unused = (shared?.problems ?? []).filter(({ path }) => mine.has(String(path[0])));
  const missing = [...own.problems, ...(shared?.problems ?? [])].filter(
    (problem) => !unused.includes(problem) && !replaced.some((path) => isBelow(problem.path, path)),
  );
  const result = configSchema.safeParse(merged);
  if (result.success && missing.length === 0) return { config: result.data, wrong: [] };
  const wrong = (result.error?.issues ?? [])
    .map(({ path, message }): ConfigProblem => ({ path: path.map(toKey), message }))
    .filter((problem) => !missing.some(({ path }) => isBelow(problem.path, path)));
  return {
    config: null,
    wrong: [...missing, ...wrong].map(({ path, message }) => ({ ...place(path), message })),
  };
}

function parseYaml(source: string, name: string): unknown {
  const lines = new LineCounter();
  // No pretty errors: they show the line, which may contain a password.
  const document = parseDocument(source, { lineCounter: lines, prettyErrors: false });
  const [problem] = [...document.errors, ...document.warnings];
  if (problem !== undefined) {
    const { line, col } = lines.linePos(problem.pos[0]);
    const onSecret = /password|token/i.test(source.split('\n')[line - 1] ?? '');
    const what = onSecret ? 'this value cannot be read: put it in quotes' : problem.message;
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
    { file: name, path: [], message: 'must be keys with values, for example "stream: shop-audit"' },
  ]);
}

function hasKey(value: unknown, key: string): boolean {
  return typeof value === 'object' && value !== null && Reflect.get(value, key) !== undefined;
}

function toKey(key: PropertyKey): string | number {
  return typeof key === 'symbol' ? String(key) : key;
}

function complaint(name: string, problems: readonly FileProblem[]): WaymarkError {
  const all = problems.map(({ file, path, message }) => {
    const key = formatKey(path);
    const text = key === '' ? message : `${key}: ${message}`;
    return { key, text: file === name ? text : `${basename(file)}: ${text}`, message };
  });
  // A problem of all streams is reported once.
  const lines = all.filter(({ text }, index) => all.findIndex((other) => other.text === text) === index);
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
