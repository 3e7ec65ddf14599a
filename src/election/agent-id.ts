import { runtime } from '../runtime/runtime.js';
import { randomHex } from '../util/random.js';
import type { AgentId } from './election.js';

/** Returns the id of this process, with a new `run`. */
export function ownAgentId(): AgentId {
  const { name, pid } = runtime().machine;
  return { host: name, pid, run: randomHex(4) };
}

/** Formats an id as `host/pid/run`, the form in which backends store it. */
export function formatAgentId({ host, pid, run }: AgentId): string {
  return `${host}/${pid}/${run}`;
}

/** Parses what {@link formatAgentId} wrote, with or without a campaign's number after it. Null for anything else. */
export function parseAgentId(text: string): AgentId | null {
  const match = /^([^/]+)\/(\d{1,10})\/([0-9a-f]{8})(?:-\d+)?$/.exec(text);
  const [, host, pid, run] = match ?? [];
  return host === undefined || run === undefined ? null : { host, pid: Number(pid), run };
}

/** Whether two ids are of the same run of the same process. */
export function sameAgentId(one: AgentId, other: AgentId): boolean {
  return formatAgentId(one) === formatAgentId(other);
}
