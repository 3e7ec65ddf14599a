/**
 * Ends what a test run started, when the run itself no longer can.
 *
 * A process of its own, in its own session. Its standard input is a pipe from the run: one JSON line per
 * process, container or folder to care for (`add`) or no longer (`drop`). When the pipe ends, whatever ended
 * the run, what is left is killed and removed. What lives longer than its time limit is killed before.
 */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { clearTimeout, setTimeout } from 'node:timers';
import { setTimeout as pause } from 'node:timers/promises';

/** @type {Map<string, {kind: string, id: string, born: string | undefined, timer: NodeJS.Timeout | undefined}>} */
const charges = new Map();

for (const signal of ['SIGINT', 'SIGHUP']) process.on(signal, () => undefined);
process.on('SIGTERM', () => void finish());

const lines = createInterface({ input: process.stdin });
lines.on('line', (line) => {
  const { action, kind, id, limitMs } = JSON.parse(line);
  const key = `${kind} ${id}`;
  clearTimeout(charges.get(key)?.timer);
  charges.delete(key);
  if (action !== 'add') return;
  const charge = { kind, id, born: kind === 'process' ? birth(id) : undefined, timer: undefined };
  if (limitMs !== undefined) charge.timer = setTimeout(() => void end(charge), limitMs);
  charges.set(key, charge);
});
lines.on('close', () => void finish());

async function finish() {
  const all = [...charges.values()];
  for (const { timer } of all) clearTimeout(timer);
  await Promise.all(all.filter(({ kind }) => kind !== 'folder').map(end));
  // Only now: a server that still lived would write into its folder again.
  await Promise.all(all.filter(({ kind }) => kind === 'folder').map(end));
  process.exit(0);
}

async function end({ kind, id, born }) {
  if (kind === 'process') await endProcess(id, born);
  else if (kind === 'container') await removeContainer(['rm', '--force', '--volumes', id]);
  else if (kind === 'label') await removeLabelled(id);
  else if (kind === 'namespace') await succeedOrNot('ip', ['netns', 'delete', id]);
  // Whoever still writes there keeps it until he ends; nobody else sees it any more.
  else if (kind === 'mount') await succeedOrNot('umount', ['--lazy', id]);
  else await rm(id, { recursive: true, force: true, maxRetries: 5 }).catch(() => undefined);
}

async function endProcess(pid, born) {
  // The number may belong to another process by now: then ours is gone.
  const isOurs = () => birth(pid) === born && born !== undefined;
  if (!isOurs()) return;
  try {
    process.kill(Number(pid), 'SIGKILL');
  } catch {
    return;
  }
  for (let i = 0; i < 500 && isOurs(); i++) await pause(10);
}

/** When a process began, in clock ticks since the machine's start; undefined when it is no more. */
function birth(pid) {
  try {
    // The second field is the name, which may contain anything, in parentheses.
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ');
    return fields[0] === 'Z' ? undefined : fields[19];
  } catch {
    return undefined;
  }
}

async function removeLabelled(label) {
  const ids = await docker(['ps', '--all', '--quiet', '--no-trunc', '--filter', `label=${label}`]);
  if (ids !== '') await removeContainer(['rm', '--force', '--volumes', ...ids.split('\n')]);
}

async function removeContainer(args) {
  await docker(args);
}

/** With a network namespace go the interfaces in it, and their other ends. */
function succeedOrNot(program, args) {
  return new Promise((resolve) => {
    execFile(program, args, { timeout: 10_000 }, () => resolve(undefined));
  });
}

function docker(args) {
  return new Promise((resolve) => {
    execFile('docker', args, { timeout: 60_000 }, (error, stdout) => resolve(error ? '' : stdout.trim()));
  });
}
