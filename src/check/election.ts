import { createElections } from '../election/create-elections.js';
import { messageOf, WaymarkError } from '../util/errors.js';
import { within } from '../util/limits.js';
import { errorFinding, marked } from './start-verdict.js';
import type { CheckFinding } from './check-finding.js';
import type { Subject } from './subject.js';
import { tableFindings } from './own-tables.js';

const silent = { info: () => undefined, warn: () => undefined };

/** Asks the election who leads, without standing in it, and looks whether what else is configured fits to it. */
export async function electionFindings(subject: Subject): Promise<readonly CheckFinding[]> {
  const { config, account } = subject;
  const { election } = config;
  if (election.backend === 'none' || account === null) return [];
  if (election.backend === 'mysql') {
    // Without its table nothing else can be said of what is kept in it.
    const findings = await tableFindings('election', election, account, subject);
    if (findings.length > 0) return [...findings, ...storeFindings(subject)];
  }
  const elections = createElections(election, { account, logger: silent });
  try {
    await within(subject.limitMs, [subject.signal], (limit) => elections.of(config.stream).show(limit));
    return storeFindings(subject);
  } catch (error) {
    subject.signal.throwIfAborted();
    return [backendFinding(error), ...storeFindings(subject)];
  } finally {
    await elections.close();
  }
}

function backendFinding(error: unknown): CheckFinding {
  const known = error instanceof WaymarkError;
  const message = known ? error.message : `The election can't say who leads: ${messageOf(error)}`;
  const fix = 'Make sure that the servers of "election" run and accept this account';
  return errorFinding(error, known ? error.code : 'election-store', message, fix);
}

function storeFindings({ config }: Subject): CheckFinding[] {
  if (config.checkpoint.store !== 'file') return [];
  return [
    marked({
      server: null,
      severity: 'warning',
      code: 'local-checkpoint',
      message: 'The checkpoint is in a folder. An agent on another machine that takes over would not see it',
      fix: 'Keep it in ZooKeeper or MySQL (checkpoint.store), unless all agents of the stream run on this machine',
    }),
  ];
}
