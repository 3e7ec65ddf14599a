/** Loaded before a program (node --import): it believes to be on another machine, by the name of that. */
import { syncBuiltinESMExports } from 'node:module';
import os from 'node:os';

os.hostname = () => 'other-host';
syncBuiltinESMExports();
