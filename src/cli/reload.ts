import type { Logger } from 'pino';
import type { ReloadReport } from '../failover/reload.js';
import { messageOf, WaymarkError } from '../util/errors.js';

/** What reloading works with. */
export type ReloadOptions<Loaded> = {
  readonly load: () => Promise<Loaded>;
  readonly apply: (loaded: Loaded) => ReloadReport;
  readonly logger: Logger;
};

/**
 * Gives what is to be called at each SIGHUP: it loads the configuration and hands it to the agent, one after another.
 * One that is wrong is refused in the log, and the agent goes on as it was.
 */
export function reloader<Loaded>(options: ReloadOptions<Loaded>): () => void {
  let last = Promise.resolve();
  return () => {
    last = last.then(() => reload(options));
  };
}

async function reload<Loaded>({ load, apply, logger }: ReloadOptions<Loaded>): Promise<void> {
  try {
    const report = apply(await load());
    logger.info({ event: 'config.reloaded', ...report }, reloadText(report));
  } catch (error) {
    if (!(error instanceof WaymarkError)) throw error;
    logger.error(
      { event: 'config.refused', ...error.details, code: error.code, reason: messageOf(error) },
      `The new configuration is refused. The old one stays: ${messageOf(error)}`,
    );
  }
}

/** What came of a new configuration, in a sentence. Pure. */
export function reloadText({ added, removed, changed, notApplied }: ReloadReport): string {
  const parts = [
    ...(added.length === 0 ? [] : [`added ${added.join(', ')}`]),
    ...(removed.length === 0 ? [] : [`removed ${removed.join(', ')}`]),
    ...(changed.length === 0 ? [] : [`changed ${changed.join(', ')}`]),
    ...(notApplied.length === 0 ? [] : [`a restart is needed for ${notApplied.join(', ')}`]),
  ];
  return parts.length === 0
    ? 'The configuration was read again: nothing has changed'
    : `The configuration was read again: ${parts.join('; ')}`;
}
