import { loadConfig } from '../config/load.js';
import { Secret } from '../config/secret.js';
import { defaultHintFormat, type HintFormat } from '../hints/hint.js';
import { readAccount } from '../mysql/account.js';
import type { Instance } from '../mysql/instance.js';
import { WaymarkError } from '../util/errors.js';
import type { CommandContext, CommonOptions } from './context.js';
import type { LogLevel } from './logger.js';
import type { ServerOptions } from './options.js';

/** The server that a command works on, how its hints look, and how much to log. */
export type Target = {
  readonly instance: Instance;
  readonly format: HintFormat;
  readonly logLevel: LogLevel;
};

/**
 * The target of a command with `--server`: account and the form of hints from the config file if one is given, else
 * from the environment and the defaults.
 * @throws WaymarkError `config`, `usage` (no account).
 */
export async function readTarget(
  { environment }: CommandContext,
  { server, config: path, logLevel, stream, ...options }: ServerOptions & CommonOptions,
): Promise<Target> {
  const { tlsCa, serverPublicKey, getServerPublicKey } = options;
  if (path !== undefined) {
    const overrides = {
      'log.level': logLevel,
      'tls.ca': tlsCa,
      serverPublicKey,
      getServerPublicKey,
    };
    const config = await loadConfig(path, environment, overrides, stream);
    const account = await readAccount(config);
    return { instance: { address: server, account }, format: config.hints, logLevel: config.log.level };
  }
  const user = environment['WAYMARK_USER'] ?? '';
  const password = environment['WAYMARK_PASSWORD'];
  if (user === '' || password === undefined) {
    throw new WaymarkError(
      'usage',
      'Which account? Set WAYMARK_USER and WAYMARK_PASSWORD (empty for an account without one), or give -c FILE',
    );
  }
  const account = await readAccount({
    ...{ user, password: new Secret(password) },
    ...(tlsCa === undefined ? {} : { tls: { ca: tlsCa, verify: true } }),
    ...{ serverPublicKey, getServerPublicKey },
  });
  return {
    instance: { address: server, account },
    format: defaultHintFormat,
    logLevel: logLevel ?? 'info',
  };
}
