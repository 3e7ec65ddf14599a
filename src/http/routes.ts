import type { IncomingMessage } from 'node:http';
import type { AgentStatus } from '../failover/status.js';
import { type Answer, json, plain, refusal } from './answer.js';
import type { Faces } from './faces.js';
import { renderStatus } from './status-text.js';
import { answerSwitch } from './switch-route.js';

const readable = ['/healthz', '/readyz', '/status', '/metrics'] as const;

/** Prometheus' text format (prometheus.io/docs/instrumenting/exposition_formats). */
const metricsType = 'text/plain; version=0.0.4; charset=utf-8';

/**
 * Answers a request.
 * @param gone fires when whoever asked doesn't wait any more.
 * @throws WaymarkError what the answer is to say.
 */
export async function routeTo(request: IncomingMessage, faces: Faces, gone: AbortSignal): Promise<Answer> {
  const [path = '/', query] = (request.url ?? '/').split('?');
  const { method = 'GET' } = request;
  if (path === '/switch') {
    if (method !== 'POST') return refusal(405, 'only POST', { allow: 'POST' });
    return answerSwitch(request, faces, gone);
  }
  const known = readable.find((route) => route === path);
  if (known === undefined) return refusal(404, `there are ${readable.join(', ')} and POST /switch`);
  if (method !== 'GET' && method !== 'HEAD') return refusal(405, 'only GET', { allow: 'GET, HEAD' });
  const stream = new URLSearchParams(query).get('stream');
  if (stream === null) return read(known, request, faces);
  const statuses = faces.statuses().filter((status) => status.stream === stream);
  if (statuses.length === 0) return refusal(404, `this agent has no stream "${stream}" now`);
  return read(known, request, { ...faces, statuses: () => statuses });
}

async function read(
  path: (typeof readable)[number],
  request: IncomingMessage,
  faces: Faces,
): Promise<Answer> {
  switch (path) {
    case '/healthz':
      return health(faces.statuses());
    case '/readyz':
      return readiness(faces.statuses());
    case '/status': {
      const statuses = faces.statuses();
      if (request.headers.accept === 'text/plain') return plain(200, statuses.map(renderStatus).join('\n\n'));
      return json(200, statusDocument(statuses));
    }
    case '/metrics':
      return { code: 200, type: metricsType, body: await faces.metrics() };
  }
}

/**
 * 200 when a stream moves, as far as that lies with the agent; else 503. The reasons are told in any case: of several
 * streams, one that fails must not have the agent restarted under the others.
 */
function health(statuses: readonly AgentStatus[]): Answer {
  const unhealthyBecause = reasons(statuses, (status) => status.unhealthyBecause);
  const healthy = unhealthyBecause === null || statuses.some((status) => status.healthy);
  return json(healthy ? 200 : 503, { healthy, unhealthyBecause });
}

/** 200 when every stream is read from a server; else 503 with the reasons. */
function readiness(statuses: readonly AgentStatus[]): Answer {
  const notReadyBecause = reasons(statuses, (status) => status.notReadyBecause);
  const ready = notReadyBecause === null;
  return json(ready ? 200 : 503, { ready, notReadyBecause });
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
