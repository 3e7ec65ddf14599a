import { isDeepStrictEqual } from 'node:util';
import { formatAddress } from '../config/address.js';
import type { Config } from '../config/schema.js';

/** What a new configuration has changed. */
export type ReloadReport = {
  /** Members, as `host:port`. */
  readonly added: readonly string[];
  readonly removed: readonly string[];
  /** Keys whose new value applies from now on, for example `failover.cooldown`. */
  readonly changed: readonly string[];
  /** Keys whose new value needs a restart. */
  readonly notApplied: readonly string[];
};

/** What a running agent takes over. */
const applied = ['source', 'failover', 'servers'] as const;

/** What a new configuration changes. Pure. */
export function reloadReport(before: Config, after: Config): ReloadReport {
  const [old, now] = [namesOf(before), namesOf(after)];
  const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])] as (keyof Config)[];
  const isApplied = (key: keyof Config): boolean => applied.some((name) => name === key);
  return {
    added: now.filter((name) => !old.includes(name)),
    removed: old.filter((name) => !now.includes(name)),
    changed: [...prioritiesChanged(before, after), ...changedIn('failover', before, after)].concat(
      isDeepStrictEqual(before.source, after.source) ? [] : ['source'],
    ),
    notApplied: keys.filter((key) => !isApplied(key) && !isSame(before, after, key)),
  };
}

function namesOf({ servers }: Config): string[] {
  return servers.map(({ address }) => formatAddress(address));
}

/** Secrets keep their content to themselves. */
function isSame(before: Config, after: Config, key: keyof Config): boolean {
  if (key === 'password') return before.password.reveal() === after.password.reveal();
  if (key === 'http' && before.http?.token?.reveal() !== after.http?.token?.reveal()) return false;
  return isDeepStrictEqual(before[key], after[key]);
}

function prioritiesChanged(before: Config, after: Config): string[] {
  const changed = after.servers.some(({ address, priority }) => {
    const old = before.servers.find((server) => formatAddress(server.address) === formatAddress(address));
    return old !== undefined && old.priority !== priority;
  });
  return changed ? ['servers.priority'] : [];
}

function changedIn(section: 'failover', before: Config, after: Config): string[] {
  const names: Readonly<Record<keyof Config['failover'], string>> = {
    onDivergence: 'onDivergence',
    stalledAfterMs: 'stalledAfter',
    cooldownMs: 'cooldown',
    restartGraceMs: 'restartGrace',
    failbackAfterMs: 'failbackAfter',
    avoid: 'avoid',
    silentBesideMs: 'silentBeside',
  };
  const keys = Object.keys(names) as (keyof Config['failover'])[];
  return keys
    .filter((key) => !isDeepStrictEqual(before[section][key], after[section][key]))
    .map((key) => `${section}.${names[key]}`);
}
