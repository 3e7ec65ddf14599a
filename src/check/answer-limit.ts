/** How long a condition waits for what has to answer. */
export type AnswerLimit = {
  readonly signal: AbortSignal;
  /** For each answer: milliseconds. */
  readonly limitMs: number;
};
