import { pino } from 'pino';
import { expect, test } from 'vitest';
import { reloader, reloadText } from '../../../src/cli/reload.js';
import { parseConfig } from '../../../src/config/load.js';
import type { Config } from '../../../src/config/schema.js';
import type { ReloadReport } from '../../../src/failover/reload.js';
import { WaymarkError } from '../../../src/util/errors.js';

const config = parseConfig(
  'stream: s\nservers: [db1]\nuser: u\npassword: p\ncheckpoint: {store: file, path: ./state}\n',
  'test',
  {},
);
const nothing: ReloadReport = { added: [], removed: [], changed: [], notApplied: [] };

/** A reloader whose file is read by `load`, and what it logs. */
function reloading(load: () => Promise<Config>, report: ReloadReport = nothing) {
  const lines: Record<string, unknown>[] = [];
  const logger = pino(
    { base: null },
    { write: (line: string) => lines.push(JSON.parse(line) as Record<string, unknown>) },
  );
  const applied: Config[] = [];
  const reload = reloader({
    load,
    logger,
    apply: (changed) => {
      applied.push(changed);
      return report;
    },
  });
  return { reload, lines, applied };
}

test('a new configuration is handed over, and what came of it is logged', async () => {
  const report = { ...nothing, added: ['db2:3306'], notApplied: ['sink'] };
  const { reload, lines, applied } = reloading(() => Promise.resolve(config), report);
  reload();
  await expect.poll(() => lines.length).toBe(1);
  expect(applied).toEqual([config]);
  expect(lines[0]).toMatchObject({ event: 'config.reloaded', ...report });
});

test('a wrong one is refused with its errors, and never handed over', async () => {
  const wrong = (): Promise<Config> => Promise.resolve(parseConfig('stream: s\nservers: []\n', 'w.yaml', {}));
  const { reload, lines, applied } = reloading(async () => wrong());
  reload();
  await expect.poll(() => lines.length).toBe(1);
  expect(applied).toEqual([]);
  expect(lines[0]).toMatchObject({ level: 50, event: 'config.refused', code: 'config', file: 'w.yaml' });
  expect(lines[0]?.['problems']).toContainEqual({
    key: 'servers',
    message: expect.stringContaining('is empty') as string,
  });
});

test('one hangup after another, also after a refusal', async () => {
  let loads = 0;
  let atOnce = 0;
  const { reload, lines } = reloading(async () => {
    loads += 1;
    atOnce += 1;
    expect(atOnce).toBe(1);
    await Promise.resolve();
    atOnce -= 1;
    if (loads === 1) throw new WaymarkError('config', 'no');
    return config;
  });
  for (let hangup = 0; hangup < 3; hangup += 1) reload();
  await expect
    .poll(() => lines.map(({ event }) => event))
    .toEqual(['config.refused', 'config.reloaded', 'config.reloaded']);
});

test('the sentence', () => {
  expect(reloadText(nothing)).toBe('The configuration was read again: nothing has changed');
  expect(
    reloadText({
      added: ['a:1', 'b:1'],
      removed: ['c:1'],
      changed: ['failover.cooldown'],
      notApplied: ['sink', 'stream'],
    }),
  ).toBe(
    'The configuration was read again: added a:1, b:1; removed c:1; changed failover.cooldown; ' +
      'a restart is needed for sink, stream',
  );
});
