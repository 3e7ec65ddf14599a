/**
 * A Pseudo-GTID hint: a statement that changes nothing, is written to every server's binary log, and says by its
 * text where in the history one is (Shlomi Noach, 2015; the text format is the one orchestrator uses).
 */
export type Hint = {
  /** What follows the prefix inside the statement, for example `asc:56373F17:00000000012B1C8B:50EC77A1`. Unique. */
  readonly token: string;
  /** Ascending hints compare by token: seconds, counter and random part have fixed widths and upper-case digits. */
  readonly ascending: boolean;
};

/** How hints look on the servers: the schema and the prefix of the view that never exists. */
export type HintFormat = { readonly schema: string; readonly prefix: string };

/** The format that orchestrator's users have, and waymark's default. */
export const defaultHintFormat: HintFormat = { schema: 'meta', prefix: '_pseudo_gtid_hint__' };

const ascendingToken = /^asc:[0-9A-F]{8}:[0-9A-F]{16}:[0-9A-F]{8}$/;

/** A hint from its token; never fails: a token of any other form is a hint that does not ascend. */
export function hintFromToken(token: string): Hint {
  return { token, ascending: ascendingToken.test(token) };
}
