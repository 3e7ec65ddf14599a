import { describe, expect, test } from 'vitest';
import { errorOf, runWaymark } from './waymark.js';

describe('usage', { timeout: 240_000 }, () => {
  test('help and version', async () => {
    const help = await runWaymark(['--help']);
    expect(help).toMatchObject({ code: 0, stderr: '' });
    for (const command of ['run', 'check', 'status', 'switch', 'find', 'last-hint', 'inject'])
      expect(help.stdout).toContain(command);
    expect(help.stdout).toContain('Examples:');
    const version = await runWaymark(['--version']);
    expect(version).toMatchObject({ code: 0, stderr: '' });
    expect(version.stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
    expect((await runWaymark(['find', '--help'])).stdout).toContain('--server <HOST:PORT>');
  });

  test('wrong usage ends with 2 and says what was probably meant', async () => {
    const wrong: [string[], RegExp][] = [
      [[], /Which command\?/],
      [['fnd'], /unknown command 'fnd'.*find/],
      [['find', '--sever', 'x'], /unknown option '--sever'.*--server/],
      [['find', '--server', 'db1'], /find needs the option --hint <TEXT>/],
      [['run'], /run needs the option -c, --config <FILE>/],
      [['switch', '-c', 'w.yaml'], /switch needs the option --to <HOST:PORT>/],
      [['find', '--server', 'a:b:c', '--hint', 'x'], /"a:b:c" is not an address/],
      [['inject', '--server', 'db1', '--every', '5'], /"5" is not a duration/],
      [['inject', '--server', 'db1', '--password', 'x'], /unknown option '--password'/],
      [['inject'], /inject needs the option --server <HOST:PORT>, or --pool/],
      [['inject', '--pool'], /--pool needs the option -c/],
      [['inject', '--pool', '-c', 'x.yaml', '--once'], /--pool and --once are mutually exclusive/],
      [['check', '-c', 'x.yaml', '--log-level', 'loud'], /Allowed choices/],
      [['find', '--server', 'db1', '--hint', 'x y'], /Which account\? Set WAYMARK_USER/],
      [['run', '-c', '/no/such/waymark.yaml'], /cannot read the config file/],
    ];
    for (const [args, message] of wrong) {
      const result = await runWaymark(args);
      expect(result.code, result.stderr).toBe(2);
      expect(result.stdout).toBe('');
      expect(result.stderr).toMatch(message);
      expect(result.stderr).not.toMatch(/^\s+at /m);
    }
  });

  test('with --json an error is the one document on stdout', async () => {
    const result = await runWaymark(['find', '--json']);
    expect(result.code).toBe(2);
    expect(errorOf(result)).toMatchObject({ code: 'usage' });
    const config = await runWaymark(['check', '-c', '/no/such/waymark.yaml', '--json']);
    expect(config.code).toBe(2);
    expect(errorOf(config)).toMatchObject({ code: 'config', file: '/no/such/waymark.yaml' });
  });

  test('a text that is no hint', async () => {
    const result = await runWaymark(['find', '--server', 'db1', '--hint', 'x y', '--json'], {
      WAYMARK_USER: 'u',
      WAYMARK_PASSWORD: '',
    });
    expect(result.code).toBe(2);
    expect(errorOf(result)).toMatchObject({ code: 'usage' });
  });
});
