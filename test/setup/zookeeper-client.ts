import { relative } from 'node:path';
import { beforeEach } from 'vitest';
import { whyNoZooKeeperClient } from './dependencies.mjs';

/**
 * The client for ZooKeeper is an optional package, which is compiled. Where there is none, every test that names
 * ZooKeeper, or an ensemble of it, is skipped, and says why.
 */
let known: string | null | undefined;

beforeEach(({ task, skip }) => {
  const names = [relative('test', task.file.filepath)];
  for (let at: typeof task | typeof task.suite = task; at !== undefined; at = at.suite) names.push(at.name);
  if (!names.some((name) => /zookeeper|ensemble/i.test(name))) return;
  if (known === undefined) known = whyNoZooKeeperClient();
  if (known !== null) skip(`there is no ZooKeeper client: ${known}`);
});
