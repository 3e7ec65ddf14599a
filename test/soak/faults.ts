import { agentFaults } from './agent-faults.js';
import { auditFaults } from './audit-faults.js';
import { loadFaults } from './load-faults.js';
import { logFaults } from './log-faults.js';
import { networkFaults } from './network-faults.js';
import { replicaFaults } from './replica-faults.js';
import { serverFaults } from './server-faults.js';
import type { Fault } from './stage.js';

/** Everything that is done to servers, network, ZooKeeper, agents, audit and load. */
export const faults: readonly Fault[] = [
  ...serverFaults,
  ...logFaults,
  ...replicaFaults,
  ...networkFaults,
  ...agentFaults,
  ...auditFaults,
  ...loadFaults,
];
