/** Loaded before a program (node --import): it believes to be on another machine, by the name and the boot of that. */
import { promises } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import os from 'node:os';

const { readFile } = promises;
promises.readFile = (path, ...rest) =>
  path === '/proc/sys/kernel/random/boot_id'
    ? Promise.resolve('00000000-0000-4000-8000-000000000001\n')
    : readFile.call(promises, path, ...rest);
os.hostname = () => 'other-machine';
syncBuiltinESMExports();
