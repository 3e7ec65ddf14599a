import { spawn, type ChildProcess } from 'node:child_process';
import { Socket } from 'node:net';
import { fileURLToPath } from 'node:url';

/**
 * What the reaper can end: a process id, a container id, all containers with a label, a folder, a network namespace, what
 * is mounted on a folder.
 */
export type ChargeKind = 'process' | 'container' | 'label' | 'folder' | 'namespace' | 'mount';

/** No server of a test lives longer, unless the run is a long one. */
let limitMs = 30 * 60_000;

let reaper: ChildProcess | undefined;

/** Lets what is entrusted from now on live longer than half an hour. */
export function allowLongRun(ms: number): void {
  limitMs = Math.max(limitMs, ms);
}

/** Has something ended when this process ends, however it ends, or after half an hour. */
export function entrust(kind: ChargeKind, id: string | number): void {
  // Folders and labels only hold what has a limit of its own.
  const limited = kind === 'process' || kind === 'container';
  tell({ action: 'add', kind, id: String(id), ...(limited ? { limitMs } : {}) });
}

/** Says that something has been ended in the regular way. */
export function acquit(kind: ChargeKind, id: string | number): void {
  tell({ action: 'drop', kind, id: String(id) });
}

function tell(message: Record<string, string | number>): void {
  reaper ??= start();
  reaper.stdin?.write(`${JSON.stringify(message)}\n`);
}

function start(): ChildProcess {
  const path = fileURLToPath(new URL('./reaper.mjs', import.meta.url));
  // NODE_OPTIONS may name a loader or a debugger of the test runner.
  const env = { ...process.env, NODE_OPTIONS: '' };
  const child = spawn(process.execPath, [path], { detached: true, stdio: ['pipe', 'ignore', 'ignore'], env });
  child.unref();
  // The pipe must not hold up the end of the run either; it is a socket, whatever its type says.
  if (child.stdin instanceof Socket) child.stdin.unref();
  child.stdin.on('error', () => {
    // Without its reaper a run must not go on unnoticed.
    throw new Error('the reaper of the test servers has ended before the run');
  });
  return child;
}
