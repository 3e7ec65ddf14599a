/**
 * A process of its own for the tests of the lock: appends a line to a file under the lock for each line that comes.
 *
 * Arguments: the lock, the file, its token. Says `held`, then `wrote` for each line, and at the end why it stopped.
 * With a fourth argument it waits for the first line inside of the write (and says `inside`).
 */
import { open } from 'node:fs/promises';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { WaymarkError } from '../../../src/util/errors.js';
import { acquireProcessLock } from '../../../src/util/process-lock.js';

const [path = '', file = '', token = '0', inside] = process.argv.slice(2);
const stdin = createInterface(process.stdin);
// Open from the beginning, as a sink has its file.
const handle = await open(file, 'a');
const lock = await acquireProcessLock(path, {
  code: 'sink',
  subject: `the file ${file}`,
  fencing: { stream: 'shop', token: Number(token) },
});
process.stdout.write('held\n');
let wrote = false;
try {
  for (;;) {
    if (inside === undefined || wrote) await once(stdin, 'line');
    await lock.guard(async () => {
      if (inside !== undefined) {
        process.stdout.write('inside\n');
        await once(stdin, 'line');
      }
      await handle.write(`${token}\n`);
    });
    wrote = true;
    process.stdout.write('wrote\n');
  }
} catch (error) {
  process.stdout.write(`${error instanceof WaymarkError ? error.code : ''} ${String(error)}\n`);
}
await lock.release();
process.exit();
