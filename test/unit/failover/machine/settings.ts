import type { Settings } from '../../../../src/failover/machine/state.js';

/** The settings of streams in the tests of the state machine. */
export const settings: Settings = {
  stalledAfterMs: 60_000,
  cooldownMs: 30_000,
  restartGraceMs: 0,
  failbackAfterMs: null,
  shadow: null,
};
