import { type Finding } from './findings.js';
import type { ServerReport } from './preflight.js';
import { filtersOf, finding, type ServerState } from './settings-findings.js';

/**
 * What is wrong between the servers of a pool, each fine by itself: one server named twice, ids used twice, filters
 * that differ. Servers that could not be examined are left out. Pure.
 *
 * @param ownServerId the id that the agent itself registers with, if one is configured.
 */
export function poolFindings(reports: readonly ServerReport[], ownServerId?: number): Finding[] {
  const states = reports.flatMap(({ state }) => (state === null ? [] : [state]));
  return [
    ...duplicateFindings(states),
    ...(ownServerId === undefined ? [] : ownIdFindings(states, ownServerId)),
    ...filterDifferences(states),
  ];
}

function duplicateFindings(states: readonly ServerState[]): Finding[] {
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
    // MariaDB's replicas are told apart by this number alone, and a hint's origin by it on every server.
    const namesake = before.find(({ facts }) => facts.serverId === serverId);
    if (namesake === undefined || serverId === 0) return [];
    const message = `has the same server_id (${String(serverId)}) as ${namesake.server}`;
    const fix = 'Give each server of a replication topology a server_id of its own';
    return [finding(state.server, 'error', 'duplicate-server-id', message, fix)];
  });
}

function ownIdFindings(states: readonly ServerState[], ownServerId: number): Finding[] {
  return states
    .filter(({ facts }) => facts.serverId === ownServerId)
    .map(({ server }) => {
      const message = `has the server_id (${String(ownServerId)}) that the agent is configured to use ("serverId")`;
      const fix = "Choose another serverId, nobody else's, or leave it out";
      return finding(server, 'error', 'duplicate-server-id', message, fix);
    });
}

function filterDifferences(states: readonly ServerState[]): Finding[] {
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
        'Give all members of the pool the same filters, best none',
      ),
    );
}
