import { hasCode } from '../util/errors.js';
import type { Instance } from './instance.js';
import { preflight, preflightRefusal } from './preflight.js';

/**
 * Does something at one server. A server names one missing privilege at a time; here the error names all that the
 * account lacks, with the statements that grant them.
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
