/** Step: the images of the test servers, made where they are missing. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { engineAnswers } from './docker-engine.mjs';
import { IMAGES, presentImages } from './provider.mjs';
import { asCommand, findProgram, isMain, run, say, SetupError } from './steps.mjs';

/** Makes or gets every image that the engine hasn't. */
export async function makeImages() {
  if (!engineAnswers()) {
    throw new SetupError('No Docker engine answers. Start one, or: node test/setup/docker-engine.mjs');
  }
  for (const image of IMAGES.filter(({ official }) => !official)) {
    if (presentImages([image.image]).length > 0) continue;
    if (process.env[image.override] !== undefined) await pull(image.image);
    else await build(image);
  }
}

/** Gets an official image, where a registry has it for us; resolves to whether the engine has it now. */
export async function getOfficialImage(name) {
  if (presentImages([name]).length > 0) return true;
  try {
    await pull(name);
    return true;
  } catch (error) {
    say(`No image ${name}: ${error.message.split('\n')[1] ?? error.message}`);
    return false;
  }
}

async function pull(name) {
  say(`Getting the image ${name}`);
  await run(`docker pull ${name}`, ['docker', 'pull', name], { minutes: 5 });
}

async function build({ image, folder, suite }) {
  await makeBase(suite);
  say(`Building the image ${image}`);
  await run(`docker build ${image}`, [
    'docker',
    'build',
    '--network',
    'host',
    '--tag',
    image,
    `docker/test/${folder}`,
  ]);
}

/** A bare Debian; made on this machine, so that no registry is needed. */
async function makeBase(suite) {
  const name = `waymark-test/debian:${suite}`;
  if (presentImages([name]).length > 0) return;
  if (findProgram('debootstrap') === undefined || process.getuid?.() !== 0) {
    const official = `debian:${suite}-slim`;
    await pull(official);
    await run('docker tag', ['docker', 'tag', official, name]);
    return;
  }
  say(`Making the base image ${name}`);
  const root = mkdtempSync(join(tmpdir(), 'waymark-base-'));
  try {
    await run(`debootstrap ${suite}`, ['debootstrap', '--variant=minbase', suite, root]);
    const pack = `tar --create --one-file-system --directory="$1" . | docker import - "$2"`;
    await run('docker import', ['bash', '-euo', 'pipefail', '-c', pack, 'bash', root, name]);
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

if (isMain(import.meta)) await asCommand(makeImages);
