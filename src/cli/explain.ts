import { formatAddress } from '../config/address.js';
import { type Instance, isServerError } from '../mysql/connection.js';
import { preflight, preflightRefusal } from '../mysql/preflight.js';
import { hasCode, WaymarkError } from '../util/errors.js';

/** Server error numbers for a missing privilege: ER_SPECIFIC_ACCESS_DENIED, ER_TABLEACCESS_DENIED, ER_DBACCESS_DENIED. */
const deniedNumbers = new Set([1227, 1142, 1044]);

/**
 * Runs what a command does at one server. Where the account lacks a privilege, the error names all that are missing,
 * with the statements that grant them.
 * @throws what `work` throws; a server's refusal as WaymarkError `missing-grant`, its other errors as `protocol`.
 */
export async function atServer<T>(
  instance: Instance,
  signal: AbortSignal,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const denied = isServerError(error) && deniedNumbers.has(error.errno);
    if (denied || hasCode(error, 'missing-grant')) {
      const findings = await preflight(instance, { signal });
      const missing = findings.filter(
        ({ code, severity }) => code === 'missing-grant' && severity === 'error',
      );
      throw preflightRefusal(missing) ?? asWaymarkError(error, instance, 'missing-grant');
    }
    throw isServerError(error) ? asWaymarkError(error, instance, 'protocol') : error;
  }
}

function asWaymarkError(error: Error, instance: Instance, code: 'missing-grant' | 'protocol'): WaymarkError {
  if (error instanceof WaymarkError) return error;
  const server = formatAddress(instance.address);
  return new WaymarkError(code, `${server}: ${error.message}`, { cause: error, details: { server } });
}
