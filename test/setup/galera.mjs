/** Step: what a Galera cluster of the tests needs beside MariaDB's own program. */
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { asCommand, findProgram, installPackages, isMain, ROOT, run, say } from './steps.mjs';

/**
 * The scripts of state transfers. They are in the package of the service, which would start one: so they are only
 * unpacked.
 */
export const GALERA_SCRIPTS = join(ROOT, 'node_modules/.cache/waymark-test/galera');

const LIBRARY = '/usr/lib/galera/libgalera_smm.so';

/** Gets what is missing, where that is possible. Tests that need it are skipped without it, and say so. */
export async function installGalera() {
  if (findProgram('apt-get') === undefined || findProgram('dpkg-deb') === undefined) return;
  const missing = [
    ...(existsSync(LIBRARY) ? [] : ['galera-4']),
    ...(findProgram('rsync') === undefined ? ['rsync'] : []),
  ];
  if (missing.length > 0 && process.getuid?.() !== 0) return;
  try {
    if (missing.length > 0) await installPackages(missing, 'test servers that form a cluster');
    if (!existsSync(GALERA_SCRIPTS)) await getScripts();
  } catch (error) {
    say(`There is no Galera: ${error.message.split('\n')[0]}. Its tests are skipped.`);
  }
}

async function getScripts() {
  say("Getting the scripts of Galera's state transfers from Debian's package mariadb-server");
  const folder = mkdtempSync(join(tmpdir(), 'waymark-galera-'));
  const draft = `${GALERA_SCRIPTS}-${process.pid}`;
  const unpack = 'dpkg-deb -x mariadb-server_*.deb all && mkdir -p "$1" && mv all/usr/bin/wsrep_sst_* "$1"';
  try {
    await run('apt-get download', ['apt-get', 'download', 'mariadb-server'], { minutes: 3, cwd: folder });
    mkdirSync(dirname(GALERA_SCRIPTS), { recursive: true });
    await run('dpkg-deb', ['sh', '-ec', unpack, 'sh', draft], { cwd: folder });
    // Another run may have been faster.
    if (!existsSync(GALERA_SCRIPTS)) renameSync(draft, GALERA_SCRIPTS);
  } finally {
    for (const path of [folder, draft]) rmSync(path, { recursive: true, force: true });
  }
}

if (isMain(import.meta)) await asCommand(installGalera);
