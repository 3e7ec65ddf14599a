import type { ConfigProblem, KeyPath } from './expand.js';
import type { Config } from './schema.js';

/** A part of the configuration as it was written: a file, or an item of a list in it. */
export type RawDocument = {
  /** The file, as it is called in messages. */
  readonly name: string;
  /** The path of the part in the file. */
  readonly prefix: KeyPath;
  readonly value: unknown;
  /** Variables that are not set, by place in the part. */
  readonly problems: readonly ConfigProblem[];
};

/** Something wrong, and in which file. */
export type FileProblem = ConfigProblem & { readonly file: string };

/** The streams, and what holds for all of them. */
export type SplitDocument = {
  readonly shared: RawDocument | null;
  readonly streams: readonly RawDocument[];
  readonly several: boolean;
};

/** These concern the agent as a whole. */
const agentKeys = ['election', 'http', 'log', 'maxStreams'] as const;

/** Takes a file apart: with `streams` it holds several, without it is one. */
export function splitStreams(document: RawDocument): SplitDocument {
  const { name, value, problems } = document;
  if (!isSection(value) || !('streams' in value))
    return { shared: null, streams: [document], several: false };
  const { streams, ...rest } = value;
  const items: readonly unknown[] = Array.isArray(streams) ? streams : [streams];
  return {
    several: true,
    shared: { name, prefix: [], value: rest, problems: problems.filter(({ path }) => path[0] !== 'streams') },
    streams: items.map((item, index) => {
      const prefix: KeyPath = ['streams', index];
      const own = problems.filter(({ path }) => path[0] === 'streams' && path[1] === index);
      return {
        name,
        prefix,
        value: item,
        problems: own.map(({ path, message }) => ({ path: path.slice(2), message })),
      };
    }),
  };
}

/** Keys that one stream can't have for itself. */
export function misplacedKeys({ name, prefix, value }: RawDocument): FileProblem[] {
  const keys = keysOf(value);
  return agentKeys
    .filter((key) => keys.has(key))
    .map((key) => ({
      file: name,
      path: [...prefix, key],
      message: 'applies to the whole agent: write it where it applies to all streams',
    }));
}

/** Streams that would interfere with each other. */
export function clashes(configs: readonly Config[], documents: readonly RawDocument[]): FileProblem[] {
  const problems: FileProblem[] = [];
  const check = (
    key: string,
    valueOf: (config: Config) => string | null,
    what: (other: Config) => string,
  ): void => {
    configs.forEach((config, index) => {
      const value = valueOf(config);
      const other = configs.slice(0, index).find((earlier) => value !== null && valueOf(earlier) === value);
      const { name = '', prefix = [] } = documents[index] ?? {};
      if (other !== undefined) problems.push({ file: name, path: [...prefix, key], message: what(other) });
    });
  };
  check(
    'stream',
    ({ stream }) => stream,
    ({ stream }) => `there already is a stream "${stream}"`,
  );
  check(
    'sink',
    ({ sink }) => (sink.type === 'file' ? sink.path : null),
    ({ stream }) => `is already the sink of the stream "${stream}": each needs its own`,
  );
  return problems;
}

/** A value with keys. */
export function isSection(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The keys of a section; none of anything else. */
export function keysOf(value: unknown): ReadonlySet<string> {
  return new Set(isSection(value) ? Object.keys(value) : []);
}
