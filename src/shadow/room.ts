/** While the stream works through a backlog, its shadow stays so close to it: the machine is for the stream. */
const besideBusyBytes = 1024 * 1024;

/** What a shadow keeps, and how it and the stream stand. */
export type Room = {
  /** Bytes that were read and not delivered. */
  readonly keptBytes: number;
  readonly bufferBytes: number;
  /** Transactions and hints that the shadow has and the stream doesn't. */
  readonly ahead: number;
  /** Transactions and hints that the stream has and the shadow doesn't. */
  readonly behind: number;
  /** Whether the stream is waiting for its server. If not, it has enough to work on. */
  readonly isStreamWaiting: boolean;
};

/**
 * Whether a shadow reads on. `forget`: it does, but can't keep what it reads. Then one transaction takes all of the
 * buffer, and its end must be read. Or the stream has something that the shadow hasn't shown, so that waiting for the
 * stream would be in vain. Pure.
 */
export function whetherToRead(room: Room): 'read' | 'wait' | 'forget' {
  const { keptBytes, bufferBytes, ahead, behind, isStreamWaiting } = room;
  // A shadow that lacks what was delivered can't prove its place. It must come to it, however busy the stream is.
  const isLimited = !isStreamWaiting && behind === 0;
  const limitBytes = isLimited ? Math.min(besideBusyBytes, bufferBytes) : bufferBytes;
  if (keptBytes <= limitBytes) return 'read';
  if (ahead > 0 && behind === 0) return 'wait';
  return keptBytes > bufferBytes ? 'forget' : 'read';
}
