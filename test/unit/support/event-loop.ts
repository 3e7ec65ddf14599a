/**
 * The longest time for which an action kept the event loop from turning, in milliseconds: the best of some runs, and no
 * more than this process has worked in it, because the machine has other things to do as well.
 */
export async function longestPauseMs(action: () => Promise<void>, runs = 5): Promise<number> {
  let best = Number.POSITIVE_INFINITY;
  for (let run = 0; run < runs; run += 1) best = Math.min(best, await pauseOf(action));
  return best;
}

async function pauseOf(action: () => Promise<void>): Promise<number> {
  let longestMs = 0;
  let last = { wallMs: performance.now(), workedMs: workedMs() };
  const tick = (): void => {
    const now = { wallMs: performance.now(), workedMs: workedMs() };
    longestMs = Math.max(longestMs, Math.min(now.wallMs - last.wallMs, now.workedMs - last.workedMs));
    last = now;
  };
  const ticking = setInterval(tick, 1);
  try {
    await action();
    tick();
  } finally {
    clearInterval(ticking);
  }
  return longestMs;
}

/** Of all threads of the process. */
function workedMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
