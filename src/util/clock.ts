import { uptime } from 'node:os';

/**
 * Milliseconds since this machine was started, by a clock that goes on while the machine is suspended, and that nobody
 * sets: on Linux /proc/uptime, which is CLOCK_BOOTTIME, to a hundredth of a second. `performance.now()` is
 * CLOCK_MONOTONIC there, which stands still meanwhile (clock_gettime(2)): a lease that others have taken over would
 * still look young. A virtual machine that is paused from outside notices nothing by any clock of its own.
 */
export function uptimeMs(): number {
  return uptime() * 1000;
}
