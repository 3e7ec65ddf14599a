import { formatAddress } from '../config/address.js';
import { loadConfig } from '../config/load.js';
import { createElections } from '../election/create-elections.js';
import { injectorLease } from '../injection/injector-lease.js';
import { runPoolInjector } from '../injection/pool-injector.js';
import { readAccount } from '../mysql/account.js';
import { exitCodes } from '../util/errors.js';
import { countOf } from '../util/quantities.js';
import type { CommandContext, CommonOptions } from './context.js';
import { InjectionReport, type ReportLine } from './injection-report.js';
import { newestHint } from './newest-hint.js';
import type { ServersOptions } from './options.js';

/** Injects hints on the source of a stream's pool until the signal fires. */
export async function injectIntoPool(
  context: CommandContext,
  options: ServersOptions & CommonOptions & { readonly config: string; readonly every: number },
): Promise<number> {
  const { tlsCa, serverPublicKey, getServerPublicKey, logLevel, every: everyMs } = options;
  const { environment, signal, output } = context;
  const overrides = { 'log.level': logLevel, 'tls.ca': tlsCa, serverPublicKey, getServerPublicKey };
  const config = await loadConfig(options.config, environment, overrides, options.stream);
  const account = await readAccount(config);
  const logger = context.createLogger(config.log.level);
  const report = new InjectionReport('', everyMs);
  const say = ({ level, event, fields, message }: ReportLine): void => {
    logger[level]({ event, ...fields }, message);
  };
  if (config.election.backend === 'none') {
    logger.warn(
      { event: 'injector.alone' },
      'The config file has no "election", so only one injector may run for this pool',
    );
  }
  const { hints: format, servers, source } = config;
  const elections = createElections(config.election, { account, logger });
  try {
    await runPoolInjector({
      servers: [...servers.map(({ address }) => address), ...(source === undefined ? [] : [source])],
      kinds: new Map(
        servers.flatMap(({ address, kind }) => (kind ? [[formatAddress(address), kind] as const] : [])),
      ),
      election: elections.of(injectorLease(config.stream)),
      ...{ account, format, everyMs, signal },
      newest: (instance, limit) => newestHint(instance, { format, logger, signal: limit }),
      onInjected: (hint) => {
        say(report.hint(hint, performance.now()));
      },
      onNotice: (notice) => {
        say(report.poolNotice(notice, performance.now()));
      },
    });
  } finally {
    await elections.close();
  }
  const { injected, last, server } = report;
  await output.result(
    { server: server === '' ? null : server, injected, lastHint: last?.token ?? null },
    `${countOf(injected, 'hint')} injected${server === '' ? '' : `, the last on ${server}`}`,
  );
  return exitCodes.done;
}
