import { type Command, InvalidArgumentError, Option } from 'commander';
import { parseCoordinates } from '../binlog/coordinates.js';
import { type Address, mayHaveSecret, parseAddress } from '../config/address.js';
import { parseDuration } from '../config/duration.js';
import { WaymarkError } from '../util/errors.js';
import { logLevels } from './logger.js';

/** Adds what every command has. */
function withCommonOptions(command: Command): Command {
  return command
    .option('--json', 'one JSON document on stdout, for a result and for an error alike')
    .addOption(new Option('--log-level <LEVEL>', 'log to stderr from this level on').choices(logLevels));
}

/**
 * Adds an option that the command can't do without. Checked when all others have been understood: commander would say
 * first that `--server` is missing, and not that `--sever` was probably meant to be it.
 */
export function withRequiredOption(
  command: Command,
  flags: string,
  description: string,
  parse?: (text: string) => unknown,
): Command {
  const option = new Option(flags, `${description} (required)`);
  if (parse !== undefined) option.argParser(parse);
  return command.addOption(option).hook('preAction', (_program, action) => {
    if (action.getOptionValue(option.attributeName()) !== undefined) return;
    throw new WaymarkError('usage', `${action.name()} needs the option ${flags}`);
  });
}

/** Adds an option that names a server, and that the command can't do without. */
export function withServerOption(command: Command, flag: string, description: string): Command {
  return withRequiredOption(command, `${flag} <HOST:PORT>`, `${description} ${addressForms}`, readAddress);
}

/** Adds `--server`, which the command can do without. */
export function withOptionalServer(command: Command, description: string): Command {
  return command.addOption(
    new Option('--server <HOST:PORT>', `${description} ${addressForms}`).argParser(readAddress),
  );
}

const addressForms = '(default port 3306, IPv6 in brackets, or unix:/PATH)';

/** Adds what commands that are given servers have: `-c`, for the account. */
export function withAccountOptions(command: Command): Command {
  return withCommonOptions(
    command
      .option(
        '-c, --config <FILE>',
        'take account, TLS and the form of hints from this config file (default: WAYMARK_USER, WAYMARK_PASSWORD)',
      )
      .option('--stream <NAME>', streamHelp)
      .option('--tls-ca <FILE>', 'encrypt, and trust the certificates in this file (PEM)')
      .option(
        '--server-public-key <FILE>',
        "log in without TLS, with the server's public key in this file (PEM)",
      )
      .option('--get-server-public-key', 'log in without TLS, with the public key that the server sends'),
  );
}

/** What of the account may be said on the command line, and beats the config file. */
type AccountOptions = {
  readonly tlsCa?: string;
  readonly serverPublicKey?: string;
  readonly getServerPublicKey?: true;
};

const streamHelp = 'the stream, if the config file has several';

/** Adds `--server` and, for the account, `-c`. */
export function withServerOptions(command: Command): Command {
  return withAccountOptions(withServerOption(command, '--server', 'the server'));
}

/** Adds `-c`, which the command can't do without, for one that works on the whole agent. */
export function withAgentOption(command: Command): Command {
  return withCommonOptions(
    withRequiredOption(command, '-c, --config <FILE>', 'the config file (YAML), or a folder of them'),
  );
}

/** Adds `-c`, which the command can't do without, and `--stream`. */
export function withConfigOption(command: Command): Command {
  return withAgentOption(command).option('--stream <NAME>', streamHelp);
}

/** `HOST:PORT`. */
export const readAddress = readWith(parseAddress);

/** `HOST:PORT,HOST:PORT`. */
export const readAddresses = readWith((text) => text.split(',').map((part) => parseAddress(part.trim())));

/** A duration such as `5s`, as milliseconds. */
export const readDuration = readWith(parseDuration);

/** `FILE:POSITION`. */
export const readCoordinates = readWith(parseCoordinates);

/** Lets commander say which option has the value that a parser of ours refuses; it repeats the value, unless that may be a secret. */
export function readWith<T>(parse: (text: string) => T): (text: string) => T {
  return (text) => {
    try {
      return parse(text);
    } catch (error) {
      if (error instanceof WaymarkError && !mayHaveSecret(text))
        throw new InvalidArgumentError(error.message);
      throw error;
    }
  };
}

/** What commands have that are given servers. */
export type ServersOptions = AccountOptions & { readonly config?: string };

export type ServerOptions = ServersOptions & { readonly server: Address };
