import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { comparisonOf } from '../../src/binlog/identity.js';
import { defaultHintFormat, hintRecogniser } from '../../src/hints/hint.js';
import { correlate } from '../../src/matching/correlate.js';
import { compareIdentities } from '../../src/matching/identity-bag.js';
import { inspect } from '../../src/mysql/inspect.js';
import { startTopology, type TestServer, type Topology } from '../servers/index.js';
import {
  createPartlyTables,
  type SessionSetting,
  settingsOf,
  writePartly,
} from '../support/session-settings.js';
import { ascendingHint, inject } from './fixtures/hints.js';
import { instanceOf, kinds, logsOf, readTransactions } from './fixtures/log-reading.js';

const signal = AbortSignal.timeout(240_000);

/** The transactions behind the newest hint. */
async function contentOf(server: TestServer) {
  const [oldest] = await logsOf(server);
  const all = await readTransactions(server, { file: oldest!.file, position: 4 });
  const content = all.flatMap((one) => (one.identity === null ? [] : [{ ...one, identity: one.identity }]));
  const recognise = hintRecogniser(defaultHintFormat);
  return content.slice(content.findLastIndex(({ statement }) => statement && recognise(statement)) + 1);
}

async function inspected(server: TestServer) {
  const instance = instanceOf(server);
  return { instance, inspection: await inspect(instance, signal, 5000) };
}

/** By what the transactions of a session can be compared with those of a replica. */
const expected: Readonly<Record<SessionSetting, string>> = {
  'minimal-images': 'shape',
  'partial-json': 'shape',
  statements: 'origin',
};
const confidence = { shape: 'shape', origin: 'unverified' } as const;

for (const kind of kinds) {
  describe.skipIf(!kind.supported)(`${kind.name}: what a session sets is no difference`, () => {
    let topology: Topology;

    beforeAll(async () => {
      topology = await startTopology({ vendor: kind.vendor, settings: kind.settings, replicas: 2 });
      await createPartlyTables(topology.source);
    });

    afterAll(async () => {
      await topology.stop();
    });

    test('each transaction is compared by what both logs have, and places are found both ways', async () => {
      const { source, replicas } = topology;
      for (const [index, setting] of settingsOf(kind).entries()) {
        await inject(source, ascendingHint(index + 1));
        await source.query('FLUSH BINARY LOGS');
        const connection = await source.connect();
        try {
          await writePartly(connection, setting, index + 10);
        } finally {
          connection.destroy();
        }
        await source.query("INSERT INTO partly.docs (x, y) VALUES (7, 'whole')");
        await topology.waitForReplicas();
        const [replica, other] = [replicas[0]!, replicas[1]!];
        const [here, there, beside] = [
          await contentOf(source),
          await contentOf(replica),
          await contentOf(other),
        ];
        const by = new Set<string>();
        for (const { identity } of there) {
          const twin = here.find((one) => one.identity.origin === identity.origin);
          const likeness = twin && compareIdentities(twin.identity, identity);
          expect(likeness, `${setting}: ${identity.origin}`).toBeTruthy();
          by.add(likeness!);
          expect(comparisonOf(identity.digest), `${setting} on a replica`).toBe('content');
        }
        expect(by.has(expected[setting]), `${setting}: ${[...by].join()}`).toBe(true);
        // Replicas log alike.
        expect(beside.map(({ identity }) => identity)).toEqual(there.map(({ identity }) => identity));
        const ends = [here.at(-1)!.end, there.at(-1)!.end] as const;
        const [one, two, three] = [await inspected(source), await inspected(replica), await inspected(other)];
        const common = { format: defaultHintFormat, signal };
        const up = await correlate({ ...common, from: two, at: ends[1], to: one });
        expect(up).toMatchObject({ to: ends[0] });
        const down = await correlate({ ...common, from: one, at: ends[0], to: two });
        expect(down).toMatchObject({ to: ends[1] });
        const weakest = by.has('origin') ? confidence.origin : confidence.shape;
        expect([up.confidence, down.confidence]).toEqual([weakest, weakest]);
        const level = await correlate({ ...common, from: two, at: ends[1], to: three });
        expect(level).toMatchObject({ to: beside.at(-1)!.end, confidence: 'exact' });
      }
    });
  });
}
