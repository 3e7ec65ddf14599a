import { createHash, randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { cp, mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { InstalledServer, Launcher } from './launcher.js';
import { acquit, entrust } from './reaper.js';
import { creationSettings } from './settings.js';
import type { ServerSettings, Vendor } from './types.js';
import { until } from './wait.js';

/** The account with all privileges. */
export const ROOT = { user: 'root', password: 'waymark-test' };
/** The account that replicas use. */
export const REPLICATOR = { user: 'replicator', password: 'waymark-test' };

/** Data directories to copy from, by what they were made with. The ordinary place for caches of a checkout. */
const CACHE = fileURLToPath(new URL('../../node_modules/.cache/waymark-test', import.meta.url));

const OUR_ACCOUNTS = [
  `CREATE USER '${ROOT.user}'@'%' IDENTIFIED BY '${ROOT.password}';`,
  `GRANT ALL ON *.* TO '${ROOT.user}'@'%' WITH GRANT OPTION;`,
  `CREATE USER '${REPLICATOR.user}'@'%' IDENTIFIED BY '${REPLICATOR.password}';`,
  `GRANT REPLICATION SLAVE ON *.* TO '${REPLICATOR.user}'@'%';`,
];

const ACCOUNTS: Record<Vendor, string[]> = {
  // MariaDB makes accounts for root and nobody at each of the machine's names, which would be asked first.
  mariadb: [
    `DELETE FROM mysql.global_priv WHERE User IN ('', '${ROOT.user}');`,
    'FLUSH PRIVILEGES;',
    ...OUR_ACCOUNTS,
  ],
  mysql: OUR_ACCOUNTS,
};

/** So that the servers of a topology, started at once, wait for one and the same. */
const inTheMaking = new Map<string, Promise<void>>();

/** Makes an initialised data directory, with the accounts, by copying one that was made before. */
export async function makeDataDirectory(
  launcher: Launcher,
  vendor: Vendor,
  installed: InstalledServer,
  settings: ServerSettings,
  target: string,
): Promise<void> {
  const creation = creationSettings(settings);
  const commands = initialisation(vendor, installed, creation);
  const key = createHash('sha256')
    .update(JSON.stringify([installed, commands, ACCOUNTS[vendor]]))
    .digest('hex');
  const template = join(CACHE, `${vendor}-${installed.version}-${key.slice(0, 16)}`);
  if (!(await exists(template))) {
    const making = inTheMaking.get(template) ?? makeTemplate(launcher, vendor, installed, commands, template);
    inTheMaking.set(template, making);
    await making;
  }
  await cp(template, target, { recursive: true, mode: constants.COPYFILE_FICLONE });
}

/** What was found out before under this name, else what `find` finds out now. */
export async function remembered(name: string, find: () => Promise<string>): Promise<string> {
  const file = join(CACHE, name);
  const known = await readFile(file, 'utf8').catch(() => '');
  if (known !== '') return known;
  const found = await find();
  await mkdir(CACHE, { recursive: true });
  const draft = `${file}.${randomUUID()}`;
  await writeFile(draft, found);
  await rename(draft, file);
  return found;
}

/** Several runs may do this at once: each works in a folder of its own, and the first to finish wins. */
async function makeTemplate(
  launcher: Launcher,
  vendor: Vendor,
  installed: InstalledServer,
  commands: string,
  template: string,
): Promise<void> {
  const folder = join(CACHE, `making-${randomUUID()}`);
  await mkdir(folder, { recursive: true });
  entrust('folder', folder);
  await writeFile(join(folder, 'accounts.sql'), `${ACCOUNTS[vendor].join('\n')}\n`);
  const server = await launcher.launch({
    title: `initialisation of ${vendor} ${installed.version}`,
    image: installed.image,
    command: ['sh', '-euc', commands, 'sh', folder],
    folder,
    outputFile: 'output.log',
  });
  // Asked rather than awaited: a process of a launcher alone doesn't keep this one going.
  await until('the data directory is made', () => Promise.resolve(!server.running), { timeoutMs: 120_000 });
  const ending = await server.ended;
  if (ending.code !== 0) {
    const output = await readFile(join(folder, 'output.log'), 'utf8');
    throw new Error(`can't initialise ${vendor} ${installed.version} (${ending.text}):\n${output}`);
  }
  try {
    // Each server makes an identity of its own.
    await rm(join(folder, 'data', 'auto.cnf'), { force: true });
    await rename(join(folder, 'data'), template);
  } catch (error) {
    if (!(await exists(template))) throw error;
  }
  await rm(folder, { recursive: true, force: true });
  acquit('folder', folder);
}

/** Shell commands; $1 is the folder. */
function initialisation(vendor: Vendor, { program }: InstalledServer, settings: ServerSettings): string {
  const options = Object.entries(settings).map(
    ([name, value]) => `--${name.replaceAll('_', '-')}='${value}'`,
  );
  const user = userOption().join(' ');
  if (vendor === 'mysql') {
    options.push(
      '--innodb-redo-log-capacity=64M',
      '--datadir="$1/data"',
      '--init-file="$1/accounts.sql"',
      user,
    );
    return `${program} --no-defaults --initialize-insecure ${options.join(' ')}`;
  }
  // Without a tmpdir of their own, two that do this at once take away each other's temporary tables.
  options.push('--tmpdir="$1"', '--innodb-log-file-size=32M', '--datadir="$1/data"', user);
  return [
    `mariadb-install-db --no-defaults --auth-root-authentication-method=normal --skip-test-db --skip-name-resolve ${options.join(' ')}`,
    `${program} --no-defaults --bootstrap ${options.join(' ')} < "$1/accounts.sql"`,
  ].join('\n');
}

/** The servers refuse to run as root unless told so; the folders are root's own then, and nobody else's. */
export function userOption(): string[] {
  return process.getuid?.() === 0 ? ['--user=root'] : [];
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
