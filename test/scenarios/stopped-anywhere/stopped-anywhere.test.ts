import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { pino } from 'pino';
import { expect, test } from 'vitest';
import { stringify } from 'yaml';
import {
  type ChangeRecord,
  createAgent,
  parseConfig,
  type OfferedBatch,
  type Sink,
  streamSink,
} from '../../../src/index.js';
import { fileSink } from '../../../src/sinks/file-sink.js';
import { acquit, entrust } from '../../servers/reaper.js';
import { type AuditRecord } from '../../support/audit.js';
import { explain, judge } from '../../support/judge.js';
import { readTruth } from '../../support/oracle.js';
import { Random } from '../../support/random.js';
import { type Scenario, scenario } from '../../support/scenario.js';

/**
 * 200 random moments between reading and acknowledging at which an agent ends: 85 with a file and 85 with a program's own
 * loop, in this process and by what a signal, a slow consumer or an error does; 20 kills of the agent's process, and 10
 * of a program that uses the library.
 */
const moments = { file: 85, loop: 85, agentKills: 20, programKills: 10 };
const seed = Number(process.env['WAYMARK_TEST_SEED'] ?? 200);

/** An end that a test has brought about. */
class Ended extends Error {}

/** Runs an agent in this process until `end` is called or something in it fails. */
async function run(stage: Scenario, sink: Sink, play: (end: () => void) => Promise<void>): Promise<void> {
  const config = parseConfig(stringify(stage.config({ start: 'earliest' })), 'test', {});
  const agent = createAgent(config, { sink, logger: pino({ level: 'silent' }) });
  const stop = new AbortController();
  const running = agent.run(stop.signal);
  await Promise.allSettled([
    running,
    play(() => {
      stop.abort(new Ended('the moment has come'));
    }),
  ]);
  const end = await running.then(
    () => null,
    (error: unknown) => error,
  );
  // What a sink of the test throws comes out as an error of the sink; nothing else may.
  if (end !== null) expect(end).toMatchObject({ code: 'sink' });
}

async function judgeAll(
  stage: Scenario,
  records: AsyncIterable<AuditRecord> | Iterable<AuditRecord>,
): Promise<void> {
  const verdict = await judge(records, await readTruth(stage.source));
  expect(verdict.ok, explain(verdict)).toBe(true);
  console.log(explain(verdict));
}

test(
  `an agent with a file, ended at ${String(moments.file)} random moments`,
  { timeout: 300_000 },
  async () => {
    console.log(`seed ${String(seed)}`);
    const random = new Random(seed);
    await scenario({}, async (stage) => {
      const load = await stage.startLoad({ rate: 150 });
      for (let moment = 0; moment < moments.file; moment += 1) {
        await run(stage, brittle(fileSink({ path: stage.audit }), random), async (end) => {
          await pause(random.between(50, 500));
          end();
        });
        if (random.chance(0.1)) await stage.loseCheckpoint();
      }
      load.setRate(40);
      await load.stop();
      await stage.startAgent();
      await stage.level();
      await stage.stopAgent();
      await judgeAll(stage, stage.records());
    });
  },
);

/** A sink that fails now and then, before or behind what it does, with an error of no kind. */
function brittle(sink: Sink, random: Random): Sink {
  const fail = (): void => {
    if (random.chance(0.02)) throw new Error('out of order');
  };
  return {
    open: (...given) => sink.open(...given),
    async deliver(records, signal) {
      fail();
      await sink.deliver(records, signal);
      fail();
    },
    async flush(signal) {
      fail();
      return sink.flush(signal);
    },
    saved: (position) => sink.saved?.(position),
    close: () => sink.close(),
  };
}

test(
  `a program with a loop of its own, ended at ${String(moments.loop)} random moments`,
  { timeout: 300_000 },
  async () => {
    console.log(`seed ${String(seed)}`);
    const random = new Random(seed);
    await scenario({}, async (stage) => {
      const load = await stage.startLoad({ rate: 150 });
      const taken: ChangeRecord[] = [];
      const take = (batch: OfferedBatch): void => {
        taken.push(...batch.records);
        batch.acknowledge();
      };
      for (let moment = 0; moment < moments.loop; moment += 1) {
        const { sink, batches } = streamSink();
        // One that is left unacknowledged is waited for, for five seconds.
        const how = random.chance(0.06) ? 'leave' : random.pick(['stop', 'slow', 'throw'] as const);
        const last = random.between(1, 12);
        await run(stage, sink, async (end) => {
          let count = 0;
          for await (const batch of batches()) {
            count += 1;
            if (how === 'slow') await pause(random.between(0, 20));
            if (count < last) {
              take(batch);
              continue;
            }
            if (how === 'throw') throw new Ended('the consumer has had enough');
            end();
            if (how === 'leave') continue;
            await pause(random.between(0, 30));
            take(batch);
          }
        });
      }
      load.setRate(40);
      await load.stop();
      const mark = await load.mark();
      const { sink, batches } = streamSink();
      await run(stage, sink, async (end) => {
        for await (const batch of batches()) {
          take(batch);
          if (JSON.stringify(batch.records).includes(mark)) end();
        }
      });
      await judgeAll(stage, taken as unknown as AuditRecord[]);
    });
  },
);

test(
  `the agent's process, killed at ${String(moments.agentKills)} random moments`,
  { timeout: 300_000 },
  async () => {
    console.log(`seed ${String(seed)}`);
    const random = new Random(seed);
    await scenario({}, async (stage) => {
      await stage.startAgent();
      const load = await stage.startLoad({ rate: 150 });
      // Without a checkpoint the audit file says where to go on. An empty one doesn't: the stream would begin anew.
      await stage.delivered(1);
      for (let kill = 0; kill < moments.agentKills; kill += 1) {
        await pause(random.between(0, 400));
        await stage.agent.kill();
        if (random.chance(0.2)) await stage.loseCheckpoint();
        if (random.chance(0.5)) await stage.startAgent();
        else await stage.launchAgent();
      }
      load.setRate(40);
      await stage.finish();
    });
  },
);

test(
  `a program that uses the library, killed at ${String(moments.programKills)} random moments`,
  { timeout: 300_000 },
  async () => {
    console.log(`seed ${String(seed)}`);
    const random = new Random(seed);
    await scenario({}, async (stage) => {
      const load = await stage.startLoad({ rate: 100 });
      const config = join(stage.folder, 'program.yaml');
      await writeFile(config, stringify(stage.config({ start: 'earliest' })));
      for (let kill = 0; kill < moments.programKills; kill += 1) {
        const program = start(config, stage.audit);
        await stage.delivered(random.between(1, 60));
        await program.kill();
      }
      load.setRate(40);
      await load.stop();
      const program = start(config, stage.audit);
      await stage.level();
      await program.kill();
      await judgeAll(stage, withoutRepeats(await readFile(stage.audit, 'utf8')));
    });
  },
);

function start(config: string, records: string): { readonly kill: () => Promise<void> } {
  const consumer = fileURLToPath(new URL('consumer.mjs', import.meta.url));
  const child = spawn(process.execPath, [consumer, config, records], {
    stdio: ['ignore', 'ignore', 'inherit'],
    timeout: 120_000,
  });
  const pid = child.pid ?? 0;
  entrust('process', pid);
  const closed = once(child, 'close');
  return {
    async kill() {
      child.kill('SIGKILL');
      const [, signal] = (await closed) as [number | null, string | null];
      acquit('process', pid);
      expect(signal).toBe('SIGKILL');
    },
  };
}

/** What a consumer is left with that drops repeats by their ids, and lines that were being written when it was killed. */
function withoutRepeats(text: string): AuditRecord[] {
  const records = new Map<string, AuditRecord>();
  for (const line of text.split('\n')) {
    let record: AuditRecord;
    try {
      record = JSON.parse(line) as AuditRecord;
    } catch {
      continue;
    }
    if (!records.has(record.id)) records.set(record.id, record);
  }
  return [...records.values()];
}
