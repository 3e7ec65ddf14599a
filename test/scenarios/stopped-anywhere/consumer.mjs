/* global AbortSignal */
/**
 * A program that uses waymark as a library, to be killed: writes each batch to a file and acknowledges it then.
 * Arguments: its config file, the file of its records.
 */
import { appendFileSync } from 'node:fs';
import { createAgent, loadConfig, streamSink } from '../../../dist/index.js';
import { pino } from 'pino';

const [configFile, recordsFile] = process.argv.slice(2);
const { sink, batches } = streamSink();
const agent = createAgent(await loadConfig(configFile, process.env), {
  sink,
  logger: pino({ level: 'silent' }),
});
// A line that was being written when the last one was killed ends here.
appendFileSync(recordsFile, '\n');
for await (const batch of batches(agent.run(AbortSignal.timeout(120_000)))) {
  appendFileSync(recordsFile, batch.records.map((record) => `${JSON.stringify(record)}\n`).join(''));
  batch.acknowledge();
}
