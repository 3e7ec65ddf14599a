import { expect, test } from 'vitest';
import { describeRuns, draw, kinds, officialKinds, product, runsOf } from '../../suites/draw.js';
import { groups } from '../../suites/groups.js';

const servers = [...kinds.mariadb, ...kinds.mysql];
const withGtids: readonly string[] = servers.filter((kind) => kind !== 'mysql:9.7:gtid-off');
const eitherAnchors = groups.filter(({ anchors }) => anchors === 'either');
/** As many commits as it takes, where they are drawn evenly. */
const commits = Array.from({ length: 16 }, (_, index) => (0x5eed_0000 + index).toString(16).padEnd(40, '0'));

/** What a commit's draw pairs. */
function pairs(commit: string): string[] {
  const drawn = draw(commit);
  return drawn.flatMap(({ group, stages, client }) => [
    ...stages.map(({ kind }) => `${group.name} on ${kind}`),
    ...(group.zookeeper ? stages.map(({ kind }) => `${client} client on ${kind}`) : []),
    ...(group.zookeeper ? [`${group.name} with the ${client} client`] : []),
    ...(group.anchors ? stages.map(({ kind, anchors }) => `by ${anchors} on ${kind}`) : []),
    ...(group.anchors ? stages.map(({ anchors }) => `${group.name} by ${anchors}`) : []),
    ...(stages.length === 2 ? [stages.map(({ kind }) => kind).join(' beside ')] : []),
  ]);
}

test('over sixteen commits all pairs come', () => {
  const seen = new Set(commits.flatMap(pairs));
  const clients = ['chosen', 'javascript'] as const;
  const wanted = [
    ...groups.flatMap(({ name, spread }) =>
      (spread.kind === 'once' ? [spread.on] : servers).map((kind) => `${name} on ${kind}`),
    ),
    ...clients.flatMap((client) => servers.map((kind) => `${client} client on ${kind}`)),
    ...groups
      .filter(({ zookeeper }) => zookeeper)
      .flatMap(({ name }) => clients.map((client) => `${name} with the ${client} client`)),
    ...servers.map((kind) => `by hints on ${kind}`),
    ...withGtids.map((kind) => `by gtid on ${kind}`),
    ...eitherAnchors.flatMap(({ name }) => [`${name} by hints`, `${name} by gtid`]),
    ...kinds.mariadb.flatMap((mariadb) => kinds.mysql.map((mysql) => `${mariadb} beside ${mysql}`)),
  ];
  expect([...seen].toSorted()).toEqual(wanted.toSorted());
});

test.each(commits)('each commit runs every group, and what vendors log differently on both: %s', (commit) => {
  const drawn = draw(commit);
  expect(drawn.map(({ group }) => group)).toEqual(groups);
  for (const { group, stages } of drawn) {
    const vendors = stages.map(({ kind }) => kind.split(':')[0]);
    if (group.spread.kind === 'vendors') expect(vendors).toEqual(['mariadb', 'mysql']);
    else expect(stages).toHaveLength(1);
  }
  const run = runsOf(drawn).flatMap(({ groups: ours }) => ours);
  expect(new Set(run)).toEqual(new Set(groups));
});

test('every kind of server has something to do with each commit', () => {
  for (const commit of commits) {
    expect(new Set(runsOf(draw(commit)).map(({ kind }) => kind))).toEqual(new Set(servers));
  }
});

test('what may go by either anchors is run by hints, and without hints where there are GTIDs', () => {
  const runs = runsOf(product(servers));
  for (const group of eitherAnchors) {
    const on = runs.filter(({ groups: ours }) => ours.includes(group));
    const kindsBy = (anchors: string) => on.filter((run) => run.anchors === anchors).map(({ kind }) => kind);
    expect(kindsBy('gtid')).toEqual(kindsBy('hints').filter((kind) => withGtids.includes(kind)));
  }
});

test('what is no hash is refused', () => {
  expect(() => draw('main')).toThrow("a commit is its hash in hexadecimal digits, and not 'main'");
});

test('what some commits draw, and what everything is', async () => {
  const hashes = ['91f7d37c', '72a35cd0', '11aa4ed4', 'ad9c6763'];
  const stories = hashes.map((hash) => `The commit ${hash}\n\n${describeRuns(runsOf(draw(hash)))}\n`);
  const all = describeRuns(runsOf(product([...servers, ...officialKinds])));
  await expect(`${stories.join('\n')}\nEverything\n\n${all}\n`).toMatchFileSnapshot('draw.story.txt');
});
