import { runtime } from '../runtime/runtime.js';
import { randomHex } from '../util/random.js';
import type { ServiceId } from './election.js';

/** This process, with a new `run`. */
export function ownServiceId(): ServiceId {
  const { name, pid } = runtime().host;
  return { host: name, pid, run: randomHex(4) };
}

/** `host/pid/run`: the form in which a backend keeps it. */
export function formatServiceId({ host, pid, run }: ServiceId): string {
  return `${host}/${pid}/${run}`;
}

/** Reads what {@link formatServiceId} wrote, also with the number of a campaign behind it; null for anything else. */
export function parseServiceId(text: string): ServiceId | null {
  const match = /^([^/]+)\/(\d{1,10})\/([0-9a-f]{8})(?:-\d+)?$/.exec(text);
  const [, host, pid, run] = match ?? [];
  return host === undefined || run === undefined ? null : { host, pid: Number(pid), run };
}

export function sameServiceId(one: ServiceId, other: ServiceId): boolean {
  return formatServiceId(one) === formatServiceId(other);
}
