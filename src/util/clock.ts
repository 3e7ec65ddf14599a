import { uptime } from 'node:os';

/** By how much the system's uptime is ahead of `performance.now()`: more after each time that it was suspended. */
let aheadMs = -Infinity;

/**
 * Milliseconds by a clock that nobody sets, and that goes on while this machine is suspended. `performance.now()` stands
 * still then (CLOCK_MONOTONIC on Linux, clock_gettime(2)), so that a lease which others have long taken over would
 * still look young. Node has the other clock (CLOCK_BOOTTIME, /proc/uptime) as the system's uptime, to a hundredth of a
 * second or worse; this one is as fine as `performance.now()` and never behind either.
 *
 * A virtual machine that is paused from outside can't notice it by any clock of its own.
 */
export function uptimeMs(): number {
  const monotonicMs = performance.now();
  aheadMs = Math.max(aheadMs, uptime() * 1000 - monotonicMs);
  return monotonicMs + aheadMs;
}
