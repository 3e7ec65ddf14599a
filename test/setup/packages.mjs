/** Step: Debian's MariaDB and ZooKeeper, for test servers as child processes. */
import { existsSync } from 'node:fs';
import { installGalera } from './galera.mjs';
import { asCommand, findProgram, installPackages, isMain } from './steps.mjs';

/** What the test servers run, and the package that has it: the programs alone, without services. */
const NEEDED = [
  {
    there: () => findProgram('mariadbd') && findProgram('mariadb-install-db'),
    package: 'mariadb-server-core',
  },
  { there: () => findProgram('my_print_defaults'), package: 'mariadb-client-core' },
  { there: () => existsSync('/usr/share/java/zookeeper.jar'), package: 'libzookeeper-java' },
  { there: () => findProgram('java'), package: 'default-jre-headless' },
  // Networks that are cut: scenarios skip them, saying so, where it is missing or we aren't root.
  { there: () => findProgram('ip'), package: 'iproute2' },
];

/** Installs what is missing, where that is possible; else says what to install. */
export async function installServers() {
  const missing = NEEDED.filter(({ there }) => !there());
  if (missing.length > 0) {
    await installPackages(
      missing.map((entry) => entry.package),
      'test servers (MariaDB, ZooKeeper, networks)',
    );
  }
  await installGalera();
}

if (isMain(import.meta)) await asCommand(installServers);
