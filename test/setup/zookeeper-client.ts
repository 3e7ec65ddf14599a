import { relative } from 'node:path';
import { beforeEach } from 'vitest';
import { clientEnvironment, wantedClient } from '../support/zookeeper-client.js';
import { whyNoZooKeeperClient } from './dependencies.mjs';

/**
 * There are two clients for ZooKeeper; agents choose. Where a run is about one of them, that is the one that this process
 * and all that it starts have. The native one is an optional package, which is compiled: where a run is about it and there
 * is none, every test that names ZooKeeper, or an ensemble of it, is skipped, and says why.
 */
Object.assign(process.env, clientEnvironment());

let known: string | null | undefined;

beforeEach(({ task, skip }) => {
  if (wantedClient() !== 'native') return;
  const names = [relative('test', task.file.filepath)];
  for (let at: typeof task | typeof task.suite = task; at !== undefined; at = at.suite) names.push(at.name);
  if (!names.some((name) => /zookeeper|ensemble/i.test(name))) return;
  if (known === undefined) known = whyNoZooKeeperClient();
  if (known !== null) skip(`there is no native ZooKeeper client: ${known}`);
});
