/** How far a run is. */
export interface Progress {
  readonly elapsedMs: number;
  readonly files: { readonly ended: number; readonly all: number };
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  /** What is being run, the one that began last at the end. */
  readonly running: readonly string[];
}

/** One line that says how far a run is, in at most so many characters. */
export function progressLine(progress: Progress, columns: number): string {
  const { elapsedMs, files, passed, failed, skipped, running } = progress;
  const figures = [
    clock(elapsedMs),
    `${files.ended} of ${files.all} files`,
    `${passed.toLocaleString('en')} passed`,
    ...(failed > 0 ? [`${failed} FAILED`] : []),
    ...(skipped > 0 ? [`${skipped.toLocaleString('en')} skipped`] : []),
  ].join('  ');
  const names = running.map((file) => file.replace(/^test\/|\.test\.ts$/g, ''));
  const line = names.length === 0 ? figures : `${figures}  ${names.join(', ')}`;
  return line.length <= columns ? line : `${line.slice(0, Math.max(0, columns - 1))}…`;
}

/** Minutes and seconds, as `2:07`. */
export function clock(durationMs: number): string {
  const seconds = Math.floor(durationMs / 1000);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
}
