import { pino, type Logger } from 'pino';
import { type Config, configSchema } from '../config/schema.js';
import { WaymarkError } from '../util/errors.js';
import type { ConnectionOptions } from './connection-options.js';
import type { ReaderOptions } from './reader-options.js';

/** Keys of the configuration that a program may give beside the options of a connection. */
const configKeys = [
  ...['servers', 'source', 'stream', 'checkpoint', 'election', 'failover', 'hints', 'matching', 'tls'],
  ...['serverPublicKey', 'getServerPublicKey'],
] as const;

/** A pool of servers to be read from. */
export type PoolOptions = {
  /** The configuration for a reader that is started so. */
  readonly configOf: (options: ReaderOptions) => Config;
  readonly logger: Logger;
};

/**
 * The pool in the options that a program gives; null where it names no list of servers.
 * @throws WaymarkError `config`, `usage`.
 */
export function poolOptions(given: ConnectionOptions): PoolOptions | null {
  if (given['servers'] === undefined) return null;
  const { host, port, ssl, logger } = given;
  if (host !== undefined || port !== undefined) {
    throw new WaymarkError('usage', 'Give servers, or host and port: not both');
  }
  if (ssl !== undefined) {
    throw new WaymarkError(
      'usage',
      'With servers, write "tls" with the names of files, as in the config file',
    );
  }
  const kept = configKeys.filter((key) => given[key] !== undefined).map((key) => [key, given[key]] as const);
  const { user, password = '' } = given;
  const chosen = Object.fromEntries<unknown>(kept);
  // What is emitted to a program has no place for what GTIDs tell of transactions that it has had.
  const common = { stream: 'zongji', user, password, anchors: 'hints', ...chosen };
  const configOf = (options: ReaderOptions): Config => parsed({ ...common, ...readingOf(options) });
  configOf({});
  return { configOf, logger: isLogger(logger) ? logger : pino({ level: 'silent' }) };
}

function readingOf({ serverId, filename, position, startAtEnd, ...others }: ReaderOptions): object {
  const other = Object.entries(others).find(([, value]) => value !== undefined && value !== false);
  if (other !== undefined) {
    throw new WaymarkError(
      'usage',
      `start: ${other[0]} is not supported with servers: the checkpoint has the place`,
    );
  }
  const named = filename === undefined ? null : { file: filename, position: position ?? 4 };
  const start = named ?? (startAtEnd === true ? 'latest' : 'earliest');
  return { start, ...(serverId === undefined ? {} : { serverId }) };
}

function parsed(input: unknown): Config {
  const result = configSchema.safeParse(input);
  if (result.success) return result.data;
  const problems = result.error.issues.map(
    ({ path, message }) => `${path.map(String).join('.')}: ${message}`,
  );
  throw new WaymarkError('config', problems.join('; '));
}

function isLogger(value: unknown): value is Logger {
  return typeof value === 'object' && value !== null && 'child' in value && 'warn' in value;
}
