/**
 * A process of its own for the tests of the stdout sink: delivers one transaction of so many rows to its stdout, and says
 * on stderr what the sink waits for.
 */
import { batchOf } from '../../../src/records/record-batch.js';
import { stdoutSink } from '../../../src/sinks/stdout-sink.js';
import { sampleTransaction } from './sample-records.js';

const { signal } = new AbortController();
const sink = stdoutSink();
await sink.open(null, signal);
const look = setInterval(() => {
  if (sink.trouble) process.stderr.write(`${sink.trouble}\n`);
}, 20);
await sink.deliver(batchOf(sampleTransaction(1, Number(process.argv[2]), 1000)), signal);
clearInterval(look);
