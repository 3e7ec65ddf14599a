/** Step: a Docker engine that answers, installed and started if need be (for CI and throw-away machines). */
import { execFileSync, spawn } from 'node:child_process';
import { openSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { asCommand, findProgram, installPackages, isMain, say, SetupError } from './steps.mjs';

const LOG = join(tmpdir(), 'waymark-dockerd.log');
/** Whoever had the engine started may end it by this. */
const PID_FILE = join(tmpdir(), 'waymark-dockerd.pid');
const START_LIMIT_MS = 90_000;
const LIFE_LIMIT = '3h';

/** Whether an engine answers. */
export function engineAnswers() {
  try {
    execFileSync('docker', ['version'], { stdio: 'ignore', timeout: 15_000 });
    return true;
  } catch {
    return false;
  }
}

/** Makes sure that an engine answers. */
async function startEngine() {
  if (engineAnswers()) return;
  const missing = [
    ...(findProgram('dockerd') === undefined ? ['docker.io'] : []),
    ...(findProgram('debootstrap') === undefined ? ['debootstrap'] : []),
  ];
  if (missing.length > 0) await installPackages(missing, 'test servers in containers');
  // On some machines installing has started it.
  if (engineAnswers()) return;
  if (process.getuid?.() !== 0)
    throw new SetupError('No Docker engine answers, and only root can start one.');
  say(`Starting a Docker engine (for ${LIFE_LIMIT} at most; log: ${LOG})`);
  const log = openSync(LOG, 'w');
  const engine = spawn('timeout', [LIFE_LIMIT, findProgram('dockerd') ?? 'dockerd'], {
    detached: true,
    stdio: ['ignore', log, log],
  });
  engine.unref();
  writeFileSync(PID_FILE, `${engine.pid}\n`);
  const deadline = Date.now() + START_LIMIT_MS;
  while (!engineAnswers()) {
    if (engine.exitCode !== null || Date.now() > deadline) {
      throw new SetupError(`The Docker engine does not answer:\n${readFileSync(LOG, 'utf8').slice(-3000)}`);
    }
    await pause(500);
  }
}

if (isMain(import.meta)) await asCommand(startEngine);
