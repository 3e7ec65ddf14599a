/**
 * Loaded before an agent of the soak (node --import): the machine that it runs on has an address of its own
 * (SOAK_ADDRESS), and a disk that is slow while a file is there (SOAK_SLOW_DISK): it holds the milliseconds that a
 * write takes.
 */
import { readFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';

const { SOAK_ADDRESS: localAddress, SOAK_SLOW_DISK: slowFile = '' } = process.env;

const { connect } = Socket.prototype;
Socket.prototype.connect = function connectFrom(...args) {
  // Node's own callers hand their arguments over as one list.
  const options = Array.isArray(args[0]) ? args[0][0] : args[0];
  if (typeof options === 'object' && options?.port !== undefined) options.localAddress ??= localAddress;
  return connect.apply(this, args);
};

const probe = await open('/dev/null');
const file = Object.getPrototypeOf(probe);
await probe.close();
const { write } = file;
file.write = async function writeSlowly(...args) {
  await pause(delayMs());
  return write.apply(this, args);
};

function delayMs() {
  try {
    return Number(readFileSync(slowFile, 'utf8'));
  } catch {
    return 0;
  }
}
