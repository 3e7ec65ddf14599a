import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Logger } from 'pino';
import { type Address, formatAddress } from '../config/address.js';
import { after } from '../util/clock.js';
import { RequestQueue } from './request-queue.js';
import { messageOf, WaymarkError } from '../util/errors.js';
import { type HttpResponse, errorResponse } from './response.js';
import { routeTo } from './routes.js';
import type { ShownAgent } from './shown-agent.js';

/** A listener that is up. */
export type HttpServer = { readonly address: string; close(): Promise<void> };

/** A request must have arrived within this, body and all. */
const requestMs = 5000;

/** Whoever asks does so at once; more at a time are none of ours. */
const mostConnections = 256;

/** Node's own limits count from a request's first byte on: who sends nothing would stay. */
function closeUnlessAsked(socket: Socket): void {
  const timer = after(requestMs, () => {
    if (socket.bytesRead === 0) socket.destroy();
  });
  timer.unref();
  socket.once('close', () => {
    timer.cancel();
  });
}

/**
 * Serves what {@link routeTo} knows.
 * @throws WaymarkError `config` when the address can't be listened on.
 */
export async function serveHttp(listen: Address, agent: ShownAgent, logger: Logger): Promise<HttpServer> {
  // Without an interval of our own, node looks every half minute only for requests that are late.
  const limits = { requestTimeout: requestMs, headersTimeout: requestMs, connectionsCheckingInterval: 1000 };
  const queue = new RequestQueue((request, response) => respond(request, response, agent, logger));
  const server = createServer(limits, queue.take);
  server.maxConnections = mostConnections;
  server.on('connection', closeUnlessAsked);
  server.on('connection', queue.admit);
  await begin(server, listen);
  // A connection that can't be taken (no more files) is its client's loss.
  server.on('error', (error) => {
    const reason = messageOf(error);
    logger.warn({ event: 'http.failed', reason }, `A connection could not be taken: ${reason}`);
  });
  const bound = server.address();
  const port = typeof bound === 'object' && bound !== null ? bound.port : listen.port;
  const address = formatAddress({ host: listen.host, port });
  logger.info({ event: 'http.listening', address }, `Status at http://${address}/status`);
  return { address, close: () => close(server) };
}

/**
 * Listens for a moment.
 * @throws WaymarkError `config` when the address can't be listened on, with the system's error as its cause.
 */
export async function tryListening(listen: Address): Promise<void> {
  const server = createServer();
  await begin(server, listen);
  await close(server);
}

async function begin(server: Server, listen: Address): Promise<void> {
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
}

async function respond(
  request: IncomingMessage,
  response: ServerResponse,
  agent: ShownAgent,
  logger: Logger,
): Promise<void> {
  const gone = new AbortController();
  response.once('close', () => {
    gone.abort(new Error('The client has gone'));
  });
  try {
    send(response, await routeTo(request, agent, gone.signal));
  } catch (error) {
    if (gone.signal.aborted) return;
    if (!(error instanceof WaymarkError)) {
      logger.error(
        { event: 'http.failed', err: error, path: request.url },
        'A request could not be answered',
      );
    }
    send(response, errorResponse(error));
  }
}

function send(response: ServerResponse, { code, type, body, headers }: HttpResponse): void {
  response.writeHead(code, { 'content-type': type, 'cache-control': 'no-store', ...headers });
  response.end(body);
}

async function close(server: Server): Promise<void> {
  server.closeAllConnections();
  server.close();
  await once(server, 'close');
}
