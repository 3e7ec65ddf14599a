import type { AnchorsConfig } from '../config/schema.js';
import type { ServerFacts } from '../mysql/server-facts.js';
import type { RawFinding } from './check-finding.js';

/** What is wrong with a server whose GTIDs can't anchor a stream, if the config file wants GTIDs to. Pure. */
export function anchorFindings(
  server: string,
  gtids: ServerFacts['gtids'],
  anchors: AnchorsConfig,
): RawFinding[] {
  if (anchors !== 'gtid') return [];
  const found = (what: string, setting: string): RawFinding[] => [
    {
      server,
      severity: 'error',
      code: 'no-common-gtids',
      message: `${server} gives transactions ${what}, but "anchors: gtid" is set`,
      fix: `Set ${setting}, or inject hints and set "anchors: hints"`,
    },
  ];
  switch (gtids) {
    case 'shared':
      return [];
    case 'none':
      return found('no GTIDs', 'gtid_mode = ON on all servers');
    case 'own':
      return found(
        'GTIDs of its own (wsrep_gtid_mode is OFF), so they are not found on other servers',
        'wsrep_gtid_mode = ON and one wsrep_gtid_domain_id on all nodes',
      );
  }
}
