import { setTimeout as pause } from 'node:timers/promises';
import { afterAll } from 'vitest';

/** What would keep a process from ending: connections, listeners, child processes. */
const HANDLES = ['TCPSocketWrap', 'TCPServerWrap', 'ProcessWrap', 'FSEventWrap'];
const GRACE_MS = 3000;

const held = () => process.getActiveResourcesInfo().filter((name) => HANDLES.includes(name));

const before = held().length;

// Registered before any of the file's own hooks, therefore the last to run.
afterAll(async () => {
  const deadline = Date.now() + GRACE_MS;
  while (held().length > before && Date.now() < deadline) await pause(20);
  const left = held().slice(before);
  if (left.length > 0) {
    throw new Error(`the tests of this file leave open: ${left.join(', ')} (a server not stopped?)`);
  }
});
