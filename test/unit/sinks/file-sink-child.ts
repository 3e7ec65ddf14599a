/**
 * A process of its own for the tests of the file sink: delivers sample transactions until it is killed or fails.
 *
 * Arguments: the file, the file of its checkpoint, a seed. Says on stdout, one line each: `open`, `SEQUENCE ROW` for
 * the last record of every accepted delivery, and at a failure its code and message.
 */
import { batchOf } from '../../../src/records/record-batch.js';
import { readFileSync, renameSync, writeFileSync, writeSync } from 'node:fs';

import type { SinkPosition } from '../../../src/checkpoint/checkpoint.js';
import { fileSink } from '../../../src/sinks/file-sink.js';
import { WaymarkError } from '../../../src/util/errors.js';
import { randomFrom, sampleTransaction } from './sample-records.js';

/** What the child keeps between its lives, as an agent's checkpoint does. */
export type ChildCheckpoint = { readonly position: SinkPosition | null; readonly sequence: number };

const [path = '', checkpointPath = '', seed = '0'] = process.argv.slice(2);
const { signal } = new AbortController();
const random = randomFrom(Number(seed));
const say = (line: string): void => {
  writeSync(1, `${line}\n`);
};

function load(): ChildCheckpoint {
  try {
    return JSON.parse(readFileSync(checkpointPath, 'utf8')) as ChildCheckpoint;
  } catch {
    return { position: null, sequence: 0 };
  }
}

function save(checkpoint: ChildCheckpoint): void {
  writeFileSync(`${checkpointPath}.new`, JSON.stringify(checkpoint));
  renameSync(`${checkpointPath}.new`, checkpointPath);
}

const checkpoint = load();
const sink = fileSink({ path });
try {
  const { delivered } = await sink.open(checkpoint.position, signal);
  say('open');
  let sequence = delivered.at(-1)?.sequence ?? checkpoint.sequence;
  for (;;) {
    const records = sampleTransaction(
      sequence + 1,
      1 + Math.floor(random() * 200),
      Math.floor(random() * 2_000),
    );
    const size = 1 + Math.floor(random() * 150);
    for (let from = 0; from < records.length; from += size) {
      const batch = records.slice(from, from + size);
      await sink.deliver(batchOf(batch), signal);
      say(`${String(sequence + 1)} ${String(from + batch.length - 1)}`);
      // Also in the middle of a transaction: then the sequence is that of the last complete one.
      if (random() < 0.15) {
        const ended = batch.at(-1)?.tx.last === true;
        const position = await sink.flush(signal);
        save({ position, sequence: ended ? sequence + 1 : sequence });
        if (position !== null) sink.saved?.(position);
      }
    }
    sequence++;
  }
} catch (error) {
  say(error instanceof WaymarkError ? `${error.code} ${error.message}` : String(error));
  await sink.close();
}
