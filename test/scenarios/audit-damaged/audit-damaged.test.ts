import {
  appendFile,
  copyFile,
  mkdir,
  open,
  readFile,
  rename,
  rm,
  stat,
  truncate,
  unlink,
  writeFile,
} from 'node:fs/promises';
import { expect, test } from 'vitest';
import { scenario } from '../../support/scenario.js';

/** What somebody may do to an audit file that is being written, and what the agent says of it. */
const damages: readonly [string, (path: string) => Promise<unknown>][] = [
  ['was changed by another process', (path) => truncate(path, 0)],
  ['was changed by another process', async (path) => truncate(path, (await stat(path)).size - 100)],
  ['was changed by another process', (path) => appendFile(path, '{"id":"foreign"}\n')],
  ['was deleted', (path) => unlink(path)],
  ['was replaced', (path) => rename(path, `${path}.old`).then(() => writeFile(path, 'hello\n'))],
  ['was replaced', (path) => rename(path, `${path}.older`).then(() => mkdir(path))],
];

test('each kind of damage under load ends the agent by name; with the file put right it goes on', async () => {
  await scenario({ config: { filter: { include: ['shop.*'] } } }, async (stage) => {
    await stage.startAgent();
    await stage.startLoad({ rate: 150 });
    const backup = `${stage.folder}/backup`;
    for (const [what, damage] of damages) {
      await stage.delivered(60);
      await stage.agent.freeze();
      await copyFile(stage.audit, backup);
      await damage(stage.audit);
      const since = performance.now();
      stage.agent.resume();
      const { code } = await stage.agent.ended;
      expect(performance.now() - since, what).toBeLessThan(3000);
      expect(code, what).toBe(1);
      expect(stage.agent.all('stopped')[0], what).toMatchObject({ code: 'sink' });
      expect(String(stage.agent.all('stopped')[0]?.['reason'])).toContain(what);
      expect((await readFile(stage.audit).catch(() => Buffer.alloc(0))).includes(0), what).toBe(false);
      await rm(stage.audit, { recursive: true, force: true });
      await copyFile(backup, stage.audit);
      await stage.startAgent();
    }
    stage.load.setRate(40);
    await stage.finish();
  });
});

test('damage while nothing is delivered is noticed within a second', async () => {
  await scenario({}, async (stage) => {
    await stage.startAgent();
    await stage.startLoad({ rate: 60 });
    await stage.committed(100);
    await stage.load.stop();
    await stage.level();
    const end = (await stat(stage.audit)).size;
    const file = await open(stage.audit, 'r+');
    await file.write('X', end - 3);
    await file.close();
    const since = performance.now();
    const { code } = await stage.agent.ended;
    // A process takes a moment to end.
    expect(performance.now() - since).toBeLessThan(2000);
    expect(code).toBe(1);
    expect(String(stage.agent.all('stopped')[0]?.['reason'])).toContain('its last bytes');
  });
});
