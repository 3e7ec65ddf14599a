import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Logger } from 'pino';
import { type Address, formatAddress } from '../config/address.js';
import type { AgentStatus } from '../failover/status.js';
import { messageOf, WaymarkError } from '../util/errors.js';

/** A status listener that is up. */
export type StatusServer = { readonly address: string; close(): Promise<void> };

/**
 * Serves `/healthz` (200 or 503 with the reason) and `/status` (the whole view as JSON), both read-only.
 * @throws WaymarkError `config` when the address can't be listened on.
 */
export async function serveStatus(
  listen: Address,
  status: () => AgentStatus,
  logger: Logger,
): Promise<StatusServer> {
  const server = createServer((request, response) => {
    answer(request, response, status());
  });
  // A probe that hangs must not hold a connection for ever.
  server.requestTimeout = 5000;
  server.headersTimeout = 5000;
  try {
    server.listen({ host: listen.host, port: listen.port });
    await once(server, 'listening');
  } catch (cause) {
    throw new WaymarkError(
      'config',
      `http.listen: can't listen on ${formatAddress(listen)}: ${messageOf(cause)}`,
      { cause },
    );
  }
  const bound = server.address();
  const port = typeof bound === 'object' && bound !== null ? bound.port : listen.port;
  const address = formatAddress({ host: listen.host, port });
  logger.info({ event: 'http.listening', address }, `Status at http://${address}/status`);
  return { address, close: () => close(server) };
}

function answer(request: IncomingMessage, response: ServerResponse, status: AgentStatus): void {
  const path = (request.url ?? '/').split('?')[0];
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    reply(response, 405, { error: 'only GET' });
    return;
  }
  if (path === '/healthz') {
    const { healthy, unhealthyBecause } = status;
    reply(response, healthy ? 200 : 503, { healthy, unhealthyBecause });
    return;
  }
  if (path === '/status') {
    reply(response, 200, status);
    return;
  }
  reply(response, 404, { error: 'there are /healthz and /status' });
}

function reply(response: ServerResponse, code: number, body: object): void {
  response.writeHead(code, { 'content-type': 'application/json', 'cache-control': 'no-store' });
  response.end(`${JSON.stringify(body)}\n`);
}

async function close(server: Server): Promise<void> {
  server.closeAllConnections();
  server.close();
  await once(server, 'close');
}
