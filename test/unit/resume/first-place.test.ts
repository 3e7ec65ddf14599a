import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { pino } from 'pino';
import { expect, test } from 'vitest';
import { parseConfig } from '../../../src/config/load.js';
import { Secret } from '../../../src/config/secret.js';
import { tableFilter } from '../../../src/config/table-filter.js';
import { ProvedLayouts } from '../../../src/layouts/proved-layouts.js';
import type { Inspection } from '../../../src/mysql/inspect.js';
import { parseServerVersion } from '../../../src/mysql/version.js';
import type { Member } from '../../../src/pool/members.js';
import { firstPlace } from '../../../src/resume/first-place.js';
import type { ReadingPlace } from '../../../src/resume/reading-place.js';
import { streamSink } from '../../../src/sinks/stream-sink.js';
import { newProgress } from '../../../src/tail/progress.js';
import { checkpointOf } from '../checkpoint/samples.js';

const { signal } = new AbortController();

/** A port of this machine where nobody listens any more. */
async function deadPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

function placeOn(port: number, serverId: number): ReadingPlace {
  const address = { host: '127.0.0.1', port };
  const member: Member = {
    ...{ name: `127.0.0.1:${port}`, priority: 0, avoided: false },
    instance: { address, account: { user: 'u', password: new Secret('p') } },
  };
  const { uuid } = checkpointOf().server;
  const inspection: Inspection = {
    facts: {
      ...{ version: parseServerVersion('10.11.14-MariaDB-log'), serverId, uuid, binaryLogging: true },
      ...{ binlogFormat: 'ROW', rowImage: 'FULL', rowMetadata: 'NO_LOG', rowValueOptions: '' },
      ...{
        logsReplicatedChanges: true,
        readOnly: true,
        gtidSet: '',
        gtidState: '',
        gtids: 'shared',
        keepsCommitOrder: true,
        cluster: null,
      },
    },
    ...{ channels: [], logEnd: null },
  };
  const coordinates = { file: 'mysql-bin.000018', position: 32_090_000 };
  const resume = { coordinates, trail: [], sequence: 13, sourceServerId: 1, skip: [] };
  return {
    member,
    inspection,
    resume,
    confidence: 'exact',
    anchor: null,
    ordered: true,
    matched: 1,
    took: null,
  };
}

test('a server that dies between its proof and its first event is looked for anew', async () => {
  const { serverId } = checkpointOf().server;
  const places = [placeOn(await deadPort(), serverId), placeOn(await deadPort(), serverId + 1)];
  const layouts = new ProvedLayouts();
  layouts.isNeeded = true;
  const said: Record<string, unknown>[] = [];
  const found = await firstPlace(
    {
      config: parseConfig(
        'stream: s\nservers: [127.0.0.1:1]\nuser: u\npassword: p\ncheckpoint: {store: file, path: p}\n',
        'test',
        {},
      ),
      pool: () => places.map(({ member }) => member),
      search: () => Promise.resolve(places.length > 1 ? places.shift()! : places[0]!),
      ...{ progress: newProgress(10), layouts, filter: tableFilter({ include: ['*.*'], exclude: [] }) },
      logger: pino({ level: 'info' }, { write: (line) => said.push(JSON.parse(line) as never) }),
      ...{ sink: streamSink().sink, sinkSignal: signal, acceptGap: false },
    },
    { checkpoint: checkpointOf(), version: '1' },
    {
      ...{ remembers: true, endsBetweenTransactions: true },
      delivered: [
        { hint: null, sequence: 13, gtid: '0-1-7', byGtid: false, second: 1_795_291_200, digest: 7n },
      ],
    },
    signal,
  );
  expect(found.member.name).toBe(places[0]!.member.name);
  expect(said.map(({ event }) => event)).toEqual(['candidate.rejected', 'layouts.lost']);
});
