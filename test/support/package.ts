import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import { acquit, entrust } from '../servers/reaper.js';
import type { CommandResult } from '../unit/cli/waymark.js';

/** The package as it is published, and installed. */

const root = fileURLToPath(new URL('../..', import.meta.url));
const installMs = 120_000;
const commandMs = 30_000;

/** Where a program runs. */
export type Where = { readonly cwd: string; readonly path?: string; readonly limitMs?: number };

/** Runs a program to its end, with nothing of npm's or vitest's own in its environment. */
export function command(
  program: string,
  args: readonly string[],
  { cwd, path, limitMs = commandMs }: Where,
  begun: (stop: () => void) => void = () => undefined,
): Promise<CommandResult> {
  const inherited = Object.entries(process.env).filter(
    ([name]) => !/^(npm_(?!config_registry)|WAYMARK_|VITEST|NODE_OPTIONS$|NODE_ENV$)/i.test(name),
  );
  const env = { ...Object.fromEntries(inherited), ...(path === undefined ? {} : { PATH: path }) };
  return new Promise((resolve) => {
    const options = { cwd, env, timeout: limitMs, killSignal: 'SIGKILL', maxBuffer: 1 << 26 } as const;
    const child = execFile(program, args, options, (error, stdout, stderr) => {
      if (child.pid !== undefined) acquit('process', child.pid);
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : null;
      resolve({ code, stdout, stderr });
    });
    if (child.pid !== undefined) entrust('process', child.pid);
    begun(() => child.kill('SIGTERM'));
  });
}

/** Packs what is built; resolves to the tarball's path, in that folder. */
export async function pack(folder: string): Promise<string> {
  const packed = await command('npm', ['pack', '--json', '--pack-destination', folder], { cwd: root });
  const [{ filename }] = JSON.parse(packed.stdout) as [{ filename: string }];
  return join(folder, filename);
}

/** Installs a tarball in a folder that is made for it; resolves to whether there is a registry to have the rest from. */
export async function install(tarball: string, cwd: string, path?: string): Promise<boolean> {
  await mkdir(cwd);
  await writeFile(join(cwd, 'package.json'), '{"private": true}');
  const where = { cwd, ...(path === undefined ? {} : { path }) };
  if ((await command('npm', ['ping'], where)).code !== 0) return false;
  const args = ['install', '--no-audit', '--no-fund', '--prefer-offline', tarball];
  const { code, stderr } = await command('npm', args, { ...where, limitMs: installMs });
  expect(code, stderr).toBe(0);
  return true;
}
