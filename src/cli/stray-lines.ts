import { format } from 'node:util';
import type { Logger } from 'pino';

const methods = ['log', 'info', 'warn', 'error', 'debug', 'trace'] as const;

/**
 * Libraries write lines of their own (mysql2: that packets came out of order), and Node its warnings. Where records or
 * one JSON document are expected nothing else may stand, and a log of JSON lines has no others: they are lines of the
 * log, if there is one.
 * @returns what undoes it.
 */
export function takeStrayLines(process: NodeJS.Process, logger: () => Logger | null): () => void {
  const before = { ...console };
  for (const name of methods) {
    console[name] = (...parts: unknown[]) => {
      logger()?.debug({ event: 'library.said', text: format(...parts) }, 'A library has written a line');
    };
  }
  // Node's own, which prints them.
  const printers = process.listeners('warning');
  process.removeAllListeners('warning');
  const onWarning = ({ name, message }: Error): void => {
    logger()?.warn({ event: 'node.warning', name }, message);
  };
  process.on('warning', onWarning);
  return () => {
    Object.assign(console, before);
    process.off('warning', onWarning);
    for (const printer of printers) process.on('warning', printer);
  };
}
