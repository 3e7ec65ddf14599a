import { poolFindings } from '../preflight/pool-findings.js';
import { anchorFindings } from './anchors.js';
import { marked, markedInPool } from './start-verdict.js';
import type { CheckFinding } from './check-finding.js';
import type { Subject } from './subject.js';

/** What is wrong at the servers of the pool, each for itself and between them. */
export async function serverFindings({
  config,
  account,
  servers,
  checkpoint,
}: Subject): Promise<readonly CheckFinding[]> {
  if (account === null) return [];
  const [reports, { stored, read }] = await Promise.all([servers(), checkpoint()]);
  const found = [
    ...reports.flatMap(({ server, state, findings }) => [
      ...findings,
      ...(state === null ? [] : anchorFindings(server, state.facts.gtids, config.anchors)),
    ]),
    ...poolFindings(reports, config.serverId),
  ];
  const members = reports.map(({ server }) => server);
  // As long as nobody can say, there may be a record.
  const hasBegun = !read || stored !== null;
  return [...markedInPool(found, members, hasBegun), ...sizeFindings(members)];
}

function sizeFindings(members: readonly string[]): CheckFinding[] {
  if (members.length > 1) return [];
  const message = 'There is only one server in the pool. When it dies, there is no other to go on from';
  const fix = 'Add a replica to "servers"';
  return [marked({ server: null, severity: 'warning', code: 'single-server', message, fix })];
}
