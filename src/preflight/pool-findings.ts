import { type PreflightFinding } from './preflight-finding.js';
import type { PreflightReport } from './preflight.js';
import type { ServerState } from '../mysql/server-state.js';
import { filtersOf, finding } from './settings-findings.js';

/**
 * Problems between the servers of a pool: a server named twice, an id used twice, different filters. Servers that
 * could not be examined are left out. Pure.
 *
 * @param ownServerId the id that the agent itself registers with, if one is configured.
 */
export function poolFindings(reports: readonly PreflightReport[], ownServerId?: number): PreflightFinding[] {
  const states = reports.flatMap(({ state }) => (state === null ? [] : [state]));
  return [
    ...duplicateFindings(states),
    ...(ownServerId === undefined ? [] : ownIdFindings(states, ownServerId)),
    ...filterDifferences(states),
  ];
}

function duplicateFindings(states: readonly ServerState[]): PreflightFinding[] {
  return states.flatMap((state, index) => {
    const before = states.slice(0, index);
    const { uuid, serverId, version } = state.facts;
    const twin = before.find(({ facts }) => uuid !== '' && facts.uuid === uuid);
    if (twin !== undefined) {
      const what = version.vendor === 'mysql' ? 'server_uuid' : 'server_uid';
      return [
        finding(
          state.server,
          'error',
          'duplicate-server',
          `has the same ${what} as ${twin.server}: it is the same server by another address, or a copy of its data`,
          'Name each server once; in a copied data directory remove auto.cnf and restart',
        ),
      ];
    }
    // This number alone distinguishes MariaDB replicas, and identifies a hint's origin on every server.
    const namesake = before.find(({ facts }) => facts.serverId === serverId);
    if (namesake === undefined || serverId === 0) return [];
    const message = `has the same server_id (${String(serverId)}) as ${namesake.server}`;
    const fix = 'Give each server of a replication topology a server_id of its own';
    return [finding(state.server, 'error', 'duplicate-server-id', message, fix)];
  });
}

function ownIdFindings(states: readonly ServerState[], ownServerId: number): PreflightFinding[] {
  return states
    .filter(({ facts }) => facts.serverId === ownServerId)
    .map(({ server }) => {
      const message = `has the server_id (${String(ownServerId)}) that the agent is configured to use ("serverId")`;
      const fix = 'Choose a serverId that nothing else uses, or leave it out';
      return finding(server, 'error', 'duplicate-server-id', message, fix);
    });
}

function filterDifferences(states: readonly ServerState[]): PreflightFinding[] {
  const known = states.filter(({ channels, binlogFilters }) => channels !== null && binlogFilters !== null);
  const [first, ...others] = known;
  if (first === undefined) return [];
  const describe = (state: ServerState): string => filtersOf(state).join(', ') || 'none';
  return others
    .filter((other) => describe(other) !== describe(first))
    .map((other) =>
      finding(
        other.server,
        'error',
        'replication-filters',
        `has other filters (${describe(other)}) than ${first.server} (${describe(first)}): ` +
          'what one of them leaves out would be lost or missing after a switch',
        'Give all members of the pool the same filters, ideally none',
      ),
    );
}
