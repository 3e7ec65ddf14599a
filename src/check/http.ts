import { formatAddress } from '../config/address.js';
import type { Config } from '../config/schema.js';
import { tryListening } from '../http/http-server.js';
import { tokenHeaders } from '../http/token.js';
import { hasCode, hasSystemCode } from '../util/errors.js';
import { within } from '../util/limits.js';
import { errorFinding } from './start-verdict.js';
import type { CheckFinding } from './check-finding.js';
import type { Subject } from './subject.js';

const askMs = 2000;

/** Whether the agent's own port can be listened on. */
export async function httpFindings({ config, signal }: Subject): Promise<readonly CheckFinding[]> {
  const { http, stream } = config;
  if (http === undefined) return [];
  try {
    await tryListening(http.listen);
    return [];
  } catch (error) {
    if (!hasCode(error, 'config')) throw error;
    const { code, message, cause } = error;
    const taken = hasSystemCode(cause, 'EADDRINUSE');
    if (!taken || !(await isAgentOf(http, stream, signal))) {
      const fix = taken
        ? 'Stop what listens there, or choose another address (http.listen)'
        : 'Choose an address of this machine on which this account may listen (http.listen)';
      return [errorFinding(error, code, message, fix)];
    }
    // All is well then; but no second agent is started beside it.
    const fix = `Nothing: an agent of the stream ${stream} runs there. A second one is refused`;
    return [{ server: null, severity: 'warning', code, message, fix, run: 'refuses' }];
  }
}

/** Whether what listens there is an agent with that stream. */
async function isAgentOf(
  { listen, token }: NonNullable<Config['http']>,
  stream: string,
  signal: AbortSignal,
): Promise<boolean> {
  const { host, port } = listen;
  const everywhere = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
  const url = `http://${formatAddress({ host: everywhere, port })}/status?stream=${encodeURIComponent(stream)}`;
  try {
    return await within(askMs, [signal], async (limit) => {
      const headers = { connection: 'close', ...tokenHeaders(token) };
      const response = await fetch(url, { headers, redirect: 'error', signal: limit });
      const answer: unknown = await response.json();
      return typeof answer === 'object' && answer !== null && 'stream' in answer && answer.stream === stream;
    });
  } catch {
    signal.throwIfAborted();
    return false;
  }
}
