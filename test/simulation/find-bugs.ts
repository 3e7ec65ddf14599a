/**
 * `npm run simulate:bugs [-- --seeds 1000]`: puts each bug of planted-bugs.ts into a copy of the code, and runs seeds until
 * one fails. A bug that none finds fails the run: the simulator would not find its like either.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type PlantedBug, plantedBugs } from './planted-bugs.js';

const { values } = parseArgs({
  options: { seeds: { type: 'string', default: '1000' }, only: { type: 'string' } },
});
const root = fileURLToPath(new URL('../..', import.meta.url));
const limitMs = 30 * 60_000;

let missed = 0;
const wanted = plantedBugs.filter(({ name }) => values.only === undefined || name.includes(values.only));
const folder = await mkdtemp(join(tmpdir(), 'waymark-bugs-'));
try {
  // One copy for all: what tsx has compiled is compiled no more.
  for (const part of ['src', 'test/simulation', 'package.json', 'tsconfig.json']) {
    await cp(join(root, part), join(folder, part), { recursive: true });
  }
  await symlink(join(root, 'node_modules'), join(folder, 'node_modules'));
  for (const bug of wanted) {
    const seed = await firstToFail(bug);
    if (seed === null) missed += 1;
    console.log(`${seed === null ? 'NOT FOUND' : `seed ${seed}`.padEnd(9)}  ${bug.name} (src/${bug.file})`);
  }
} finally {
  await rm(folder, { recursive: true, force: true });
}
console.log(`${String(wanted.length - missed)} passed, ${String(missed)} failed, 0 skipped`);
process.exitCode = missed === 0 ? 0 : 1;

/** The first seed that finds it; null: none does. */
async function firstToFail(bug: PlantedBug): Promise<string | null> {
  const path = join(folder, 'src', bug.file);
  await plant(bug, path);
  const args = ['--import', 'tsx', 'test/simulation/main.ts', '--seeds', values.seeds, '--until-failure'];
  const child = spawn(process.execPath, args, { cwd: folder, timeout: limitMs });
  let output = '';
  child.stdout.on('data', (text: Buffer) => (output += text.toString()));
  child.stderr.on('data', (text: Buffer) => (output += text.toString()));
  const [code] = (await once(child, 'close')) as [number | null];
  await cp(join(root, 'src', bug.file), path);
  if (code === 0) return null;
  const seed = /^seed (\d+) /m.exec(output)?.[1];
  // An error that nobody handles ends the run: that is found, too.
  return seed ?? `of an unhandled error: ${output.slice(-300)}`;
}

/** @throws Error where the code isn't there, or more than once: then the list is to be mended. */
async function plant({ name, code, bug }: PlantedBug, path: string): Promise<void> {
  const text = await readFile(path, 'utf8');
  if (text.split(code).length !== 2) throw new Error(`${name}: ${path} does not have it once: ${code}`);
  await writeFile(
    path,
    text.replace(code, () => bug),
  );
}
