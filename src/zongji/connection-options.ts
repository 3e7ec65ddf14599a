import { Secret } from '../config/secret.js';
import type { Account, Instance } from '../mysql/instance.js';
import { WaymarkError } from '../util/errors.js';

/** What a program gives: a URL, options as mysql2 takes them, or a connection or pool of mysql2's (or mysql's). */
export type ZongJiDsn = string | object;

/** Options of a connection, by name. */
export type ConnectionOptions = Readonly<Record<string, unknown>>;

/**
 * The options in what a program gives. Of a connection or a pool its options alone are used.
 * @throws WaymarkError `usage` for what is none of these.
 */
export function connectionOptions(dsn: ZongJiDsn): ConnectionOptions {
  if (typeof dsn === 'string') return optionsOfUrl(dsn);
  const config = 'config' in dsn ? dsn.config : undefined;
  // mysql2 keeps a pool's options for its connections one level below.
  if (isOptions(config)) return isOptions(config['connectionConfig']) ? config['connectionConfig'] : config;
  const options = { ...dsn };
  if (!isOptions(options)) throw new WaymarkError('usage', 'ZongJi needs the options of a connection');
  return typeof options['uri'] === 'string' ? { ...optionsOfUrl(options['uri']), ...options } : options;
}

function isOptions(value: unknown): value is ConnectionOptions {
  return typeof value === 'object' && value !== null;
}

/** `mysql://user:password@host:port/schema?option=value`; values that are JSON are taken as such, as mysql2 does. */
function optionsOfUrl(text: string): ConnectionOptions {
  if (!URL.canParse(text))
    throw new WaymarkError('usage', 'The connection string is no URL (mysql://user:password@host)');
  const url = new URL(text);
  const options: Record<string, unknown> = {};
  for (const [name, value] of url.searchParams) options[name] = parsed(value);
  return {
    host: decodeURIComponent(url.hostname),
    ...(url.port === '' ? {} : { port: Number(url.port) }),
    user: decodeURIComponent(url.username),
    password: decodeURIComponent(url.password),
    ...options,
  };
}

function parsed(value: string): unknown {
  try {
    return JSON.parse(value);
  } catch {
    return value;
  }
}

/** Options of mysql2's that lead to a server in a way that we don't go. */
const otherWays = ['socketPath', 'stream', 'authPlugins', 'passwordSha1', 'insecureAuth'] as const;

/**
 * The server of the options and the account there.
 * @throws WaymarkError `usage` for ways to a server that are not supported.
 */
export function instanceOf(options: ConnectionOptions): Instance {
  const other = otherWays.find((name) => Boolean(options[name]));
  if (other !== undefined)
    throw new WaymarkError('usage', `The option ${other} is not supported: give host and port`);
  return {
    address: { host: textOf(options['host'], 'localhost'), port: Number(options['port'] ?? 3306) },
    account: accountOf(options),
  };
}

function accountOf(options: ConnectionOptions): Account {
  const { user, ssl } = options;
  const password = options['password'] ?? options['password1'];
  const account = {
    user: textOf(user, ''),
    password: new Secret(textOf(password, '')),
    // As mysql2 does, which zongji's programs go by; here it can be turned off.
    getServerPublicKey: options['getServerPublicKey'] !== false,
  };
  if (ssl === undefined || ssl === null || ssl === false) return account;
  if (!isOptions(ssl)) {
    throw new WaymarkError(
      'usage',
      'ssl must be an object with ca, cert and key: profiles are not supported',
    );
  }
  const { ca, cert, key, rejectUnauthorized } = ssl;
  return {
    ...account,
    tls: {
      ...(ca === undefined ? {} : { ca: textOf(ca, '') }),
      ...(cert === undefined ? {} : { cert: textOf(cert, '') }),
      ...(key === undefined ? {} : { key: textOf(key, '') }),
      verify: rejectUnauthorized !== false,
    },
  };
}

function textOf(value: unknown, missing: string): string {
  if (value === undefined || value === null) return missing;
  if (typeof value === 'string') return value;
  return Buffer.isBuffer(value) ? value.toString('utf8') : missing;
}
