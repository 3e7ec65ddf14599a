import type { Logger } from 'pino';
import type { Config } from '../config/schema.js';
import { fileSink } from './file-sink.js';
import type { Sink } from './sink.js';
import { stdoutSink } from './stdout-sink.js';

/** Returns the configured sink. It isn't open yet. */
export function createSink({ sink, matching }: Pick<Config, 'sink' | 'matching'>, logger: Logger): Sink {
  switch (sink.type) {
    case 'stdout':
      return stdoutSink();
    case 'file':
      return fileSink({ path: sink.path, margin: matching.margin, logger });
  }
}
