import type { Logger } from 'pino';
import { isAborted, sleep } from './async.js';
import { messageOf } from './errors.js';

/**
 * Looks every `everyMs` until the signal fires. Never rejects. What a look throws is unexpected, and logged.
 * @param doing what it does, for that line: `looking for members`.
 */
export async function watchLoop(
  everyMs: number,
  doing: string,
  look: () => Promise<void>,
  { logger, signal }: { readonly logger: Logger; readonly signal: AbortSignal },
): Promise<void> {
  while (!signal.aborted) {
    try {
      await look();
    } catch (error) {
      if (isAborted(signal)) return;
      logger.error(
        { event: 'watch.failed', err: error },
        `An unexpected error while ${doing}. The agent goes on; please report it: ${messageOf(error)}`,
      );
    }
    await sleep(everyMs, signal).catch(() => undefined);
  }
}
