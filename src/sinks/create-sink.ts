import type { SinkConfig } from '../config/schema.js';
import { fileSink } from './file-sink.js';
import type { Sink } from './sink.js';
import { stdoutSink } from './stdout-sink.js';

/** The sink that the configuration asks for; not open yet. */
export function createSink(config: SinkConfig): Sink {
  switch (config.type) {
    case 'stdout':
      return stdoutSink();
    case 'file':
      return fileSink({ path: config.path });
  }
}
