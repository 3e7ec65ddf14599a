import type { Logger } from 'pino';
import { formatAddress } from '../config/address.js';
import type { Hint, HintFormat } from '../hints/hint.js';
import { lastHint } from '../matching/locate.js';
import type { Instance } from '../mysql/instance.js';
import { errorNumberOf } from '../mysql/server-error.js';
import { hasCode, messageOf } from '../util/errors.js';
import { formatDuration } from '../util/quantities.js';

/** Reading long logs without any hint must not keep the first hint waiting for ever. */
const searchMs = 60_000;

/** The newest hint, if the account may look and it is found in time; else hints ascend by the clock alone. */
export async function newestHint(
  instance: Instance,
  {
    format,
    logger,
    signal,
  }: { readonly format: HintFormat; readonly logger: Logger; readonly signal: AbortSignal },
): Promise<Hint | null> {
  const timeout = AbortSignal.timeout(searchMs);
  try {
    const found = await lastHint({ instance, format, signal: AbortSignal.any([signal, timeout]) });
    return found?.hint ?? null;
  } catch (error) {
    signal.throwIfAborted();
    const mayNotLook = errorNumberOf(error) !== null || hasCode(error, 'missing-grant');
    if (!mayNotLook && !timeout.aborted) throw error;
    const why = timeout.aborted ? `not found within ${formatDuration(searchMs)}` : messageOf(error);
    logger.warn(
      { event: 'injector.newest-unseen', server: formatAddress(instance.address), why },
      "can't see the newest hint in the server's log: hints ascend by this machine's clock only",
    );
    return null;
  }
}
