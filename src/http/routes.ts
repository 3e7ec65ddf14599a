import type { IncomingMessage } from 'node:http';
import { isLoopback } from '../config/address.js';
import type { AgentStatus } from '../failover/status.js';
import { type HttpResponse, json, plain, refusal } from './response.js';
import type { ShownAgent } from './shown-agent.js';
import { renderStatus } from './status-text.js';
import { answerSwitch } from './switch-route.js';
import { requireToken, showsToken } from './token.js';

const readable = ['/healthz', '/readyz', '/status', '/metrics'] as const;

/** Prometheus' text format (prometheus.io/docs/instrumenting/exposition_formats). */
const metricsType = 'text/plain; version=0.0.4; charset=utf-8';

/**
 * Answers a request.
 * @param gone fires when whoever asked doesn't wait any more.
 * @throws WaymarkError what the answer is to say.
 */
export async function routeTo(
  request: IncomingMessage,
  agent: ShownAgent,
  gone: AbortSignal,
): Promise<HttpResponse> {
  const [path = '/', query] = (request.url ?? '/').split('?');
  const { method = 'GET' } = request;
  if (!isMeantForUs(request, agent.hosts)) {
    return refusal(
      403,
      '"Host" is not a name of this agent: use an address of this machine, or set http.hosts',
    );
  }
  if (path === '/switch') {
    if (method !== 'POST') return refusal(405, 'only POST', { allow: 'POST' });
    return answerSwitch(request, agent, gone);
  }
  const known = readable.find((route) => route === path);
  if (known === undefined) return refusal(404, `there are ${readable.join(', ')} and POST /switch`);
  if (method !== 'GET' && method !== 'HEAD') return refusal(405, 'only GET', { allow: 'GET, HEAD' });
  const trusted = agent.open === 'all' || showsToken(request, agent.token);
  if (!trusted && !isOpen(known, agent.open)) {
    requireToken(request, agent.token, 'This');
  }
  const stream = new URLSearchParams(query).get('stream');
  if (stream === null) return read(known, request, agent, trusted);
  const statuses = agent.statuses().filter((status) => status.stream === stream);
  if (statuses.length === 0) return refusal(404, `this agent has no stream "${stream}" now`);
  return read(known, request, { ...agent, statuses: () => statuses }, trusted);
}

function isOpen(path: (typeof readable)[number], open: ShownAgent['open']): boolean {
  switch (path) {
    case '/healthz':
    case '/readyz':
      return true;
    case '/metrics':
      return open !== 'health';
    case '/status':
      return open === 'all';
  }
}

/**
 * Whether a request names us. A page that somebody's browser shows may ask at a name of its own that leads here (DNS
 * rebinding), and would read what we answer; and it may send what it can't read the answer of.
 * @param hosts names beside those of this machine's loopback; null: whatever name leads here is right.
 */
function isMeantForUs({ headers, method }: IncomingMessage, hosts: readonly string[] | null): boolean {
  const { host, origin } = headers;
  // An origin that isn't this host is another page's.
  if (method === 'POST' && origin !== undefined && origin.replace(/^https?:\/\//, '') !== host) return false;
  // HTTP/1.0 alone does without, and no browser.
  if (hosts === null || host === undefined) return true;
  const name = host.replace(/:\d*$/, '').toLowerCase();
  return isLoopback(name.replace(/^\[(.*)\]$/, '$1')) || hosts.includes(name);
}

async function read(
  path: (typeof readable)[number],
  request: IncomingMessage,
  agent: ShownAgent,
  trusted: boolean,
): Promise<HttpResponse> {
  switch (path) {
    case '/healthz':
      return health(agent.statuses(), trusted);
    case '/readyz':
      return readiness(agent.statuses(), trusted);
    case '/status': {
      const statuses = agent.statuses();
      if (request.headers.accept === 'text/plain') return plain(200, statuses.map(renderStatus).join('\n\n'));
      return json(200, statusDocument(statuses));
    }
    case '/metrics':
      return { code: 200, type: metricsType, body: await agent.metrics() };
  }
}

/**
 * 200 when a stream moves, as far as that lies with the agent; else 503. The reasons are told in any case: of several
 * streams, one that fails must not have the agent restarted under the others.
 */
function health(statuses: readonly AgentStatus[], trusted: boolean): HttpResponse {
  const unhealthyBecause = reasons(statuses, (status) => status.unhealthyBecause);
  const healthy = unhealthyBecause === null || statuses.some((status) => status.healthy);
  return json(healthy ? 200 : 503, { healthy, unhealthyBecause: told(unhealthyBecause, trusted) });
}

/** 200 when every stream is read from a server; else 503 with the reasons. */
function readiness(statuses: readonly AgentStatus[], trusted: boolean): HttpResponse {
  const notReadyBecause = reasons(statuses, (status) => status.notReadyBecause);
  const ready = notReadyBecause === null;
  return json(ready ? 200 : 503, { ready, notReadyBecause: told(notReadyBecause, trusted) });
}

/** Reasons name servers. */
function told(reason: string | null, trusted: boolean): string | null {
  return reason === null || trusted ? reason : "see the agent's log, or ask with the token (http.token)";
}

function reasons(
  statuses: readonly AgentStatus[],
  reasonOf: (status: AgentStatus) => string | null,
): string | null {
  const found = statuses.flatMap((status) => {
    const reason = reasonOf(status);
    if (reason === null) return [];
    return [statuses.length === 1 ? reason : `${status.stream}: ${reason}`];
  });
  return found.length === 0 ? null : found.join('; ');
}

/** One stream is shown as it is; several as a list. */
function statusDocument(statuses: readonly AgentStatus[]): object {
  const [only, ...others] = statuses;
  if (only !== undefined && others.length === 0) return only;
  return { healthy: statuses.every(({ healthy }) => healthy), streams: statuses };
}
