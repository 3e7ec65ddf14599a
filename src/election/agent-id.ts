import { runtime } from '../runtime/runtime.js';
import { randomHex } from '../util/random.js';
import type { AgentId } from './election.js';

/** This process, with a new `run`. */
export function ownAgentId(): AgentId {
  const { name, pid } = runtime().machine;
  return { host: name, pid, run: randomHex(4) };
}

/** `host/pid/run`: the form in which a backend keeps it. */
export function formatAgentId({ host, pid, run }: AgentId): string {
  return `${host}/${pid}/${run}`;
}

/** Reads what {@link formatAgentId} wrote, also with the number of a campaign behind it; null for anything else. */
export function parseAgentId(text: string): AgentId | null {
  const match = /^([^/]+)\/(\d{1,10})\/([0-9a-f]{8})(?:-\d+)?$/.exec(text);
  const [, host, pid, run] = match ?? [];
  return host === undefined || run === undefined ? null : { host, pid: Number(pid), run };
}

export function sameAgentId(one: AgentId, other: AgentId): boolean {
  return formatAgentId(one) === formatAgentId(other);
}
