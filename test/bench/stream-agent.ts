/**
 * An agent of the bench of many streams: elections, checkpoints and the sharing out are real, the streams have no tail.
 *
 * Arguments: ZooKeeper, how many streams, the most that it leads. Begins at the line `go`; says `ready`, `+ STREAM` when
 * it leads one and `- STREAM` when it leads it no longer.
 */
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import pino from 'pino';
import type { Checkpoint } from '../../src/checkpoint/checkpoint.js';
import { createCheckpointStore } from '../../src/checkpoint/create-store.js';
import { Secret } from '../../src/config/secret.js';
import { createElections } from '../../src/election/create-elections.js';
import { type ScheduledStream, Scheduler } from '../../src/streams/scheduler.js';
import { claimCheckpoint } from '../../src/streams/checkpoint-claim.js';
import { fencedStore } from '../../src/streams/fenced-writes.js';
import { abortable } from '../../src/util/abortable.js';

const [connect = '', count = '0', limit = '0'] = process.argv.slice(2);
const logger = pino({ level: 'error' }, pino.destination(2));
const account = { user: '', password: new Secret(''), getServerPublicKey: true };
const zookeeper = { connect, root: '/waymark' };
const elections = createElections(
  { backend: 'zookeeper', ...zookeeper, timeoutMs: 10_000, intervalMs: 1000, marginMs: 2000 },
  { account, logger },
);

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

function firstCheckpoint(stream: string): Checkpoint {
  return {
    stream,
    fencingToken: 0,
    server: { host: 'db1', port: 3306, serverId: 1, uuid: '' },
    keepsOrder: true,
    coordinates: { file: 'mysql-bin.000001', position: 4 },
    sequence: 0,
    numberedFrom: null,
    trail: { entries: [], partial: null },
    anchors: 'hint',
    gtidSet: null,
    sink: null,
    layouts: null,
    savedAt: Date.now(),
  };
}

class BenchStream implements ScheduledStream {
  readonly name: string;
  #leads = false;

  constructor(name: string) {
    this.name = name;
  }

  leads(): boolean {
    return this.#leads;
  }

  async run(signal: AbortSignal): Promise<never> {
    const store = createCheckpointStore({ store: 'zookeeper', ...zookeeper }, this.name, { account });
    await store.open(signal);
    try {
      for (;;) {
        const leadership = await elections.of(this.name).campaign(signal);
        this.#leads = true;
        const led = fencedStore(store, leadership);
        const over = AbortSignal.any([signal, leadership.lost]);
        try {
          if ((await claimCheckpoint(led, over)) === null)
            await led.save(firstCheckpoint(this.name), null, over);
          say(`+ ${this.name}`);
          await abortable(new Promise<never>(() => undefined), over);
        } catch (error) {
          if (signal.aborted || !leadership.lost.aborted) throw error;
        } finally {
          say(`- ${this.name}`);
          this.#leads = false;
          await leadership.resign();
        }
      }
    } finally {
      await store.close();
    }
  }

  failed(error: unknown): void {
    logger.error({ err: error, stream: this.name }, 'failed');
  }
}

const stop = new AbortController();
const lines = createInterface(process.stdin);
say('ready');
await once(lines, 'line');
lines.once('close', () => {
  stop.abort();
});
const streams = Array.from(
  { length: Number(count) },
  (_, index) => new BenchStream(`stream-${String(index)}`),
);
await new Scheduler({ streams, elections, limit: Number(limit), logger }).run(stop.signal);
await elections.close();
process.exit();
