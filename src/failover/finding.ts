/** What a server is found to be (DESIGN.md, Diagnosis). */
export type Finding =
  | 'healthy'
  /** It lives, only our stream from it broke. */
  | 'stream-broken'
  | 'dead'
  /** We can't get through to it, and to others we can. */
  | 'unreachable'
  /** It lives, and what it replicates stands or lags while others go on. */
  | 'stalled'
  /** At its address is another server, or its logs began anew. */
  | 'rebuilt'
  /** Nobody gets anything, because the source is gone. */
  | 'source-down'
  /** We get through to nobody. */
  | 'isolated';
