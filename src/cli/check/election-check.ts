import type { Config } from '../../config/schema.js';
import { createElections } from '../../election/create-elections.js';
import type { Account } from '../../mysql/instance.js';
import { WaymarkError } from '../../util/errors.js';
import type { CheckFinding } from './findings.js';

const silent = { info: () => undefined, warn: () => undefined };

/**
 * Asks the election who leads, without standing in it, and looks whether what else is configured fits to it.
 * @throws the signal's reason when it fires.
 */
export async function checkElection(
  config: Config,
  account: Account,
  signal: AbortSignal,
): Promise<readonly CheckFinding[]> {
  if (config.election.backend === 'none') return [];
  const elections = createElections(config.election, { account, logger: silent });
  const findings: CheckFinding[] = [];
  try {
    await elections.of(config.stream).show(signal);
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof WaymarkError)) throw error;
    const fix = 'See that the servers of "election" are there and let this account in';
    findings.push({ server: null, severity: 'error', code: error.code, message: error.message, fix });
  } finally {
    await elections.close();
  }
  if (config.checkpoint.store === 'file') {
    findings.push({
      server: null,
      severity: 'warning',
      code: 'local-checkpoint',
      message: 'The checkpoint is in a folder: an agent on another machine that takes over would not see it',
      fix: 'Keep it in ZooKeeper or MySQL (checkpoint.store), unless all agents of the stream run on this machine',
    });
  }
  return findings;
}
