import { hasCode } from '../util/errors.js';
import type { Instance } from '../mysql/instance.js';
import { preflight, preflightRefusal } from './preflight.js';

/**
 * Runs `work` on a server. A server reports one missing privilege at a time. The error here names all privileges that
 * the account lacks, with the statements that grant them.
 * @throws what `work` throws.
 */
export async function namingGrants<T>(
  instance: Instance,
  signal: AbortSignal,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    signal.throwIfAborted();
    if (!hasCode(error, 'missing-grant')) throw error;
    const findings = await preflight(instance, { signal });
    const missing = findings.filter(({ code, severity }) => code === 'missing-grant' && severity === 'error');
    throw preflightRefusal(missing) ?? error;
  }
}
