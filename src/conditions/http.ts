import { type Address, formatAddress } from '../config/address.js';
import { tryListening } from '../http/http-server.js';
import { hasCode, hasSystemCode } from '../util/errors.js';
import { within } from '../util/limits.js';
import { errorFinding } from './at-start.js';
import type { CheckFinding } from './finding.js';
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
    if (!taken || !(await isAgentOf(http.listen, stream, signal))) {
      const fix = taken
        ? 'End what listens there, or choose another one (http.listen)'
        : 'Choose one of this machine that this account may listen on (http.listen)';
      return [errorFinding(error, code, message, fix)];
    }
    // All is well then; but no second agent is started beside it.
    const fix = `Nothing: an agent of the stream ${stream} runs there; a second one is not started`;
    return [{ server: null, severity: 'warning', code, message, fix, run: 'refuses' }];
  }
}

/** Whether what listens there is an agent with that stream. */
async function isAgentOf(listen: Address, stream: string, signal: AbortSignal): Promise<boolean> {
  const { host, port } = listen;
  const everywhere = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
  const url = `http://${formatAddress({ host: everywhere, port })}/status?stream=${encodeURIComponent(stream)}`;
  try {
    return await within(askMs, [signal], async (limit) => {
      const headers = { connection: 'close' };
      const response = await fetch(url, { headers, redirect: 'error', signal: limit });
      const answer: unknown = await response.json();
      return typeof answer === 'object' && answer !== null && 'stream' in answer && answer.stream === stream;
    });
  } catch {
    signal.throwIfAborted();
    return false;
  }
}
