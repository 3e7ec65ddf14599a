/**
 * What `npm test`, `npm run test:all`, `test:full` and `test:newest` do: get the servers, run vitest once for each kind of
 * server, and end with a summary and one plain line of totals.
 */
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseKind } from '../servers/kind.js';
import { nativeLauncher } from '../servers/native/launcher.js';
import type { Provider } from '../servers/types.js';
import { getOfficialImage, makeImages } from '../setup/images.mjs';
import { installServers } from '../setup/packages.mjs';
import { chooseProvider } from '../setup/provider.mjs';
import { run, say, SetupError } from '../setup/steps.mjs';
import { totalsLine } from '../setup/totals.mjs';
import { isUnitOnly, namesReporter, readRequest, type Request, UsageError } from './arguments.js';
import { core, newest } from './core.js';
import { describeRun, describeRuns, draw, kinds, officialKinds, product, type Run, runsOf } from './draw.js';
import { filesOf, means } from './groups.js';
import { getNewestNode, newestNode } from './newest-node.js';
import { totalsOf } from './report.js';
import { runProgram, runVitest } from './run-vitest.js';
import { summary, type TitledRun } from './summary.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const unit = 'test/unit';

/** An interrupt ends what runs, and nothing else is begun. */
const interrupt = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    interrupt.abort();
  });
}

const ended: TitledRun[] = [];
try {
  for await (const one of carryOut(readRequest(process.argv.slice(2)))) ended.push(one);
} catch (error) {
  const isPlain = error instanceof SetupError || error instanceof UsageError;
  say(isPlain ? error.message : String(error instanceof Error ? error.stack : error));
  ended.push(note('set-up', 'failed', error instanceof Error ? error.message : String(error)));
}
const totals = totalsOf(ended.flatMap(({ outcomes }) => outcomes));
console.log(`\n${summary(ended)}\n`);
console.log(totalsLine(totals));
process.exitCode = totals.failed === 0 && !interrupt.signal.aborted ? 0 : 1;

async function* carryOut(request: Request): AsyncGenerator<TitledRun, void, void> {
  switch (request.what) {
    case 'core':
      return yield* runAlone('Unit tests and the core', [unit, ...coreFiles()], request.options);
    case 'some': {
      if (!isUnitOnly(request)) return yield* runAlone('Tests', [], request.options);
      const quiet = namesReporter(request.options);
      return yield await runVitest(request.options, { title: 'Unit tests', quiet });
    }
    case 'all':
      if (request.commit === null) return yield* runAlone('All tests', [unit, ...serverTests()], []);
      return yield* runKinds(runsOf(draw(request.commit)), coreFiles());
    case 'full': {
      const every = [...kinds.mariadb, ...kinds.mysql, ...officialKinds];
      const wanted = request.kinds.length > 0 ? request.kinds : every;
      const runs = runsOf(product(wanted)).filter(({ kind }) => wanted.includes(kind));
      yield await runVitest([unit], { title: 'Unit tests' });
      return yield* runKinds(runs, []);
    }
    case 'newest':
      return yield* runOnNewest();
  }
}

/** On the machine's one kind of server. */
async function* runAlone(
  title: string,
  files: readonly string[],
  options: readonly string[],
): AsyncGenerator<TitledRun, void, void> {
  const provider = chooseProvider();
  await prepare([provider]);
  const quiet = namesReporter(options);
  const environment = { WAYMARK_TEST_PROVIDER: provider };
  yield await runVitest([...files, ...options], {
    title: `${title}, ${where(provider)}`,
    quiet,
    environment,
  });
}

/** One kind of server after the other; the machine's own kind goes without what `npm test` has run on it. */
async function* runKinds(
  runs: readonly Run[],
  done: readonly string[],
): AsyncGenerator<TitledRun, void, void> {
  say(`What is run:\n${describeRuns(runs).replace(/^/gm, '  ')}\n`);
  if (process.env['WAYMARK_TEST_PROVIDER'] !== 'containers') await installServers();
  const providers = await Promise.all(runs.map(({ kind }) => providerOf(kind)));
  await prepare([...new Set(providers)]);
  for (const [index, one] of runs.entries()) {
    const { kind, anchors, client, groups } = one;
    const provider = providers[index]!;
    const title = `${describeRun(one)}, ${where(provider)}`;
    if (interrupt.signal.aborted) return;
    if (officialKinds.includes(kind) && !(await getOfficialImage(kind))) {
      yield note(title, 'skipped', 'its official image cannot be pulled here');
      continue;
    }
    const files = groups.flatMap((group) => filesOf(group, serverTests()));
    const isAsDone = provider === 'native' && client === 'chosen' && anchors === 'hints';
    const left = isAsDone ? files.filter((file) => !done.includes(file)) : files;
    if (left.length === 0) continue;
    say(`\n${title}`);
    const environment = {
      WAYMARK_TEST_PROVIDER: provider,
      WAYMARK_TEST_SERVER: kind,
      ...(client === 'chosen' ? {} : { WAYMARK_TEST_ZOOKEEPER_CLIENT: client }),
      ...(anchors === 'hints' ? {} : { WAYMARK_TEST_ANCHORS: anchors }),
    };
    yield await runVitest(left, { title, environment });
  }
}

/** The machine's own servers where they are of this kind: they are faster. */
async function providerOf(kind: string): Promise<Provider> {
  if (process.env['WAYMARK_TEST_PROVIDER'] === 'containers') return 'containers';
  const { vendor, version } = parseKind(kind);
  return (await nativeLauncher.version(vendor, version)) === undefined ? 'containers' : 'native';
}

async function* runOnNewest(): AsyncGenerator<TitledRun, void, void> {
  const name = `Node.js ${newestNode}`;
  const provider = chooseProvider();
  await prepare([provider]);
  const node = await getNewestNode(
    fileURLToPath(new URL('../../node_modules/.cache/waymark-node', import.meta.url)),
  );
  if (node === null) return yield note(name, 'skipped', 'it cannot be had from an npm registry here');
  const files = serverTests().filter((file) => newest.some((entry) => means(entry, file)));
  // The compiled client is for the other Node.js.
  const environment = { WAYMARK_TEST_PROVIDER: provider, WAYMARK_TEST_ZOOKEEPER_CLIENT: 'javascript' };
  yield await runVitest([unit, ...files], { title: `${name}: tests, ${where(provider)}`, environment, node });
  if (!interrupt.signal.aborted)
    yield await runProgram('test/demo/main.ts', { title: `${name}: the demo`, node });
}

/** The servers and the built command. */
async function prepare(providers: readonly Provider[]): Promise<void> {
  say(`Test servers: ${providers.map(where).join(', and ')}`);
  if (providers.includes('native')) await installServers();
  if (providers.includes('containers')) await makeImages();
  say('Building');
  await run('npm run build', ['npm', 'run', 'build']);
}

function where(provider: Provider): string {
  return provider === 'native' ? 'as child processes' : 'in containers';
}

/** What is said of a run that there wasn't. */
function note(title: string, state: 'failed' | 'skipped', message: string): TitledRun {
  const outcome = { file: title, name: 'as a whole', state, place: title, message };
  return { title, outcomes: [outcome], files: 0, durationMs: 0 };
}

/** Every test file that may start a server. */
function serverTests(): string[] {
  return ['integration', 'exact', 'hostile', 'scenarios'].flatMap((folder) =>
    readdirSync(`${root}/test/${folder}`, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.test.ts'))
      .map((name) => `test/${folder}/${name}`)
      .toSorted(),
  );
}

function coreFiles(): string[] {
  return serverTests().filter((file) => core.some(({ test }) => means(test, file)));
}
