/** The settings of streams in the tests of the state machine. */
export const settings = {
  stalledAfterMs: 60_000,
  cooldownMs: 30_000,
  restartGraceMs: 0,
  failbackAfterMs: null,
  shadow: false,
};
