import type { Finding } from '../../src/failover/diagnosis.js';

/** All that a server may be found to be. */
const all: Record<Finding, true> = {
  healthy: true,
  'stream-broken': true,
  dead: true,
  unreachable: true,
  stalled: true,
  rebuilt: true,
  'source-down': true,
  isolated: true,
  'not-in-primary-component': true,
  'not-synced': true,
  'group-member-recovering': true,
  'group-member-error': true,
  'group-member-offline': true,
  'group-without-majority': true,
};

export const findings = Object.keys(all) as readonly Finding[];
