import { agentFaults } from './agent-faults.js';
import { auditFaults } from './audit-faults.js';
import { serverFaults } from './server-faults.js';
import type { Fault } from './stage.js';

/** Everything that is done to servers, agent and audit. */
export const faults: readonly Fault[] = [...serverFaults, ...agentFaults, ...auditFaults];
