import { execFile } from 'node:child_process';
import { access, chmod, readdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { until } from '../../servers/wait.js';
import { Random } from '../../support/random.js';
import { type Scenario, scenario } from '../../support/scenario.js';

const seed = Number(process.env['WAYMARK_TEST_SEED'] ?? 11);
const rotations = 6;

/** logrotate is in every distribution, and yet not on every machine. */
const hasLogrotate = await access('/usr/sbin/logrotate').then(
  () => true,
  () => false,
);

/** The recipe of docs/operations.md. */
async function logrotate(stage: Scenario, create: string, pid: number): Promise<void> {
  const file = join(stage.folder, 'logrotate.conf');
  const state = join(stage.folder, 'logrotate.state');
  await writeFile(
    file,
    `${stage.audit} {
  su root root
  rotate 100
  ${create}
  compress
  delaycompress
  missingok
  notifempty
  postrotate
    kill -USR2 ${String(pid)} || true
  endscript
}
`,
  );
  await chmod(file, 0o644);
  await promisify(execFile)('/usr/sbin/logrotate', ['--force', '--state', state, file]);
}

/** All files that the audit's name stood for before, oldest first. */
async function partsOf(stage: Scenario): Promise<string[]> {
  const names = await readdir(stage.folder);
  const numbered = names.flatMap((name) => {
    const number = /^audit\.ndjson\.(\d+)(?:\.gz)?$/.exec(name)?.[1];
    return number === undefined ? [] : [{ name, number: Number(number) }];
  });
  return numbered.toSorted((a, b) => b.number - a.number).map(({ name }) => join(stage.folder, name));
}

test.runIf(hasLogrotate).each([['create'], ['nocreate']])(
  'logrotate with SIGUSR2 under load, the agent killed at random moments around it (%s)',
  async (create) => {
    const random = new Random(seed);
    console.log(`seed ${String(seed)}`);
    await scenario({}, async (stage) => {
      await stage.startAgent();
      const load = await stage.startLoad({ rate: 150 });
      let killed = 0;
      for (let rotation = 0; rotation < rotations; rotation += 1) {
        await stage.delivered(80);
        const rotating = logrotate(stage, create, stage.agent.pid);
        if (rotation % 2 === 1) {
          killed += 1;
          await new Promise((resolve) => setTimeout(resolve, random.between(0, 120)));
          await stage.agent.kill();
          await rotating;
          await stage.startAgent();
        }
        await rotating;
        await until('the new file is there', () =>
          access(stage.audit).then(
            () => true,
            () => false,
          ),
        );
      }
      load.setRate(40);
      await until('the load has committed enough', () => Promise.resolve(load.committed() >= 80));
      await load.stop();
      await stage.level();
      await stage.stopAgent();
      stage.rotated.push(...(await partsOf(stage)));
      expect(stage.rotated.length).toBeGreaterThanOrEqual(rotations);
      await stage.judge();
      console.log(`${String(stage.rotated.length)} rotations, killed ${String(killed)} times`);
    });
  },
);

test('renamed again and again, without a word to the agent', async () => {
  await scenario({}, async (stage) => {
    await stage.startAgent();
    const load = await stage.startLoad({ rate: 150 });
    for (let rotation = 1; rotation <= 3; rotation += 1) {
      await stage.delivered(60);
      const part = `${stage.audit}.${String(rotation)}`;
      const rotated = stage.agent.next('sink.rotated');
      await rename(stage.audit, part);
      stage.rotated.push(part);
      const since = performance.now();
      await rotated;
      expect(performance.now() - since).toBeLessThan(2000);
    }
    load.setRate(40);
    await stage.finish();
    expect(stage.agents).toHaveLength(1);
  });
});

test('SIGUSR2 without a renamed file changes nothing, and is told', async () => {
  await scenario({}, async (stage) => {
    await stage.startAgent();
    const told = stage.agent.next('sink.not-rotated');
    stage.agent.userSignal();
    await told;
    await stage.startLoad({ rate: 60 });
    await stage.finish();
  });
});
