import type { Logger } from 'pino';
import type { CommandContext } from './context.js';
import type { ScanProgress } from '../matching/hint-scan.js';
import { printable } from '../util/printable.js';
import { formatBytes } from '../util/quantities.js';

const drawEveryMs = 200;
const logEveryMs = 5_000;

/**
 * Shows how a long scan goes: a line that is drawn again and again where a person watches, else a line in the log every
 * five seconds. Quick scans show nothing. Call `end` before anything else is written.
 */
export function showScanProgress(
  { watched }: CommandContext,
  logger: Logger,
  server: string,
): { onProgress: (progress: ScanProgress) => void; end: () => void } {
  const everyMs = watched ? drawEveryMs : logEveryMs;
  const startedAt = performance.now();
  let shownAt = startedAt;
  let drawn = false;
  // Each file that is probed counts from zero; together they are what has been read.
  let before = 0;
  let last = 0;
  return {
    onProgress: ({ file, bytesScanned }) => {
      if (bytesScanned < last) before += last;
      last = bytesScanned;
      const now = performance.now();
      if (now - shownAt < everyMs) return;
      shownAt = now;
      const bytes = before + bytesScanned;
      const perSecond = bytes / ((now - startedAt) / 1000);
      if (watched) {
        const text = `${server}  ${file}  ${formatBytes(bytes)} read, ${formatBytes(perSecond)}/s`;
        process.stderr.write(`\r\u001B[K${printable(text)}`);
        drawn = true;
      } else {
        logger.info(
          { event: 'scan.progress', server, file, bytes },
          `scanning ${file}, ${formatBytes(bytes)} read`,
        );
      }
    },
    end: () => {
      if (drawn) process.stderr.write('\r\u001B[K');
      drawn = false;
    },
  };
}
