import type { IncomingMessage } from 'node:http';
import { z } from 'zod';
import { type Address, parseAddress } from '../config/address.js';
import { abortable } from '../util/abortable.js';
import { after } from '../util/clock.js';
import { WaymarkError } from '../util/errors.js';
import { type HttpResponse, json, refusal } from './response.js';
import type { ShownAgent } from './shown-agent.js';
import { requireToken } from './token.js';
import { formatDuration } from '../util/quantities.js';

/** An address needs less. */
const bodyLimitBytes = 4096;

/** How long whoever asked is kept waiting. A switch that can still be given up is given up then. */
const switchLimitMs = 60_000;

const order = z.strictObject({ to: z.string(), stream: z.string().optional() });

/**
 * `POST /switch` with `{"to": "HOST:PORT"}`, maybe with the name of the `stream`, and the token as a bearer token.
 * @throws WaymarkError `config` (no token is configured), `token-refused`, `usage`, and what the switch throws.
 */
export async function answerSwitch(
  request: IncomingMessage,
  agent: Pick<ShownAgent, 'token' | 'statuses' | 'switchTo'>,
  gone: AbortSignal,
): Promise<HttpResponse> {
  if (agent.token === null) {
    throw new WaymarkError(
      'config',
      'This agent takes no orders over HTTP: set http.token in its config file, and start it again',
    );
  }
  requireToken(request, agent.token, 'An order');
  const body = await readBody(request, gone);
  if (body === null)
    return refusal(413, `the body is longer than ${bodyLimitBytes} bytes`, { connection: 'close' });
  const { to, stream } = parseOrder(body);
  if (stream !== undefined && !agent.statuses().some((status) => status.stream === stream)) {
    throw new WaymarkError('usage', `This agent has no stream "${stream}"`);
  }
  const limit = new AbortController();
  const timer = after(switchLimitMs, () => {
    const what = `The switch has not finished within ${formatDuration(switchLimitMs)}: see waymark status`;
    limit.abort(new WaymarkError('switch-refused', what));
  });
  const signal = AbortSignal.any([gone, limit.signal]);
  try {
    return json(200, await abortable(agent.switchTo(to, signal, stream), signal));
  } finally {
    timer.cancel();
  }
}

/** The body; null when it is too long to be an order. */
async function readBody(request: IncomingMessage, gone: AbortSignal): Promise<string | null> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  return abortable(
    new Promise((resolve, reject) => {
      request.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes > bodyLimitBytes) resolve(null);
        else chunks.push(chunk);
      });
      request.once('end', () => {
        resolve(Buffer.concat(chunks).toString('utf8'));
      });
      request.once('error', reject);
    }),
    gone,
  );
}

function parseOrder(body: string): { to: Address; stream: string | undefined } {
  const wrong = new WaymarkError(
    'usage',
    'The body must be {"to": "HOST:PORT"}, with or without "stream": "NAME"',
  );
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    throw wrong;
  }
  const parsed = order.safeParse(value);
  if (!parsed.success) throw wrong;
  return { to: parseAddress(parsed.data.to), stream: parsed.data.stream };
}
