import { stat } from 'node:fs/promises';
import { Writable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { Output } from '../../../src/cli/output.js';
import { Interrupted } from '../../../src/cli/signals.js';
import { WaymarkError } from '../../../src/util/errors.js';

function outputs(json: boolean) {
  const texts = { stdout: '', stderr: '' };
  const stream = (name: keyof typeof texts): Writable =>
    new Writable({
      write(chunk: Buffer, _encoding, done) {
        texts[name] += chunk.toString();
        done();
      },
    });
  return { output: new Output({ stdout: stream('stdout'), stderr: stream('stderr') }, json), texts };
}

const expected = new WaymarkError('purged', 'db1:3306 no longer has it', {
  details: { server: 'db1:3306', code: 'not this one' },
});

describe('Output', () => {
  test('for people: the result on stdout, an error in a sentence on stderr', async () => {
    const { output, texts } = outputs(false);
    await output.result({ a: 1 }, 'one');
    expect(await output.error(expected)).toBe(6);
    expect(texts).toEqual({ stdout: 'one\n', stderr: 'waymark: db1:3306 no longer has it\n' });
  });

  test('for programs: one document, with the facts that belong to an error', async () => {
    const { output, texts } = outputs(true);
    expect(await output.error(expected)).toBe(6);
    expect(texts.stderr).toBe('');
    expect(JSON.parse(texts.stdout)).toEqual({
      error: { code: 'purged', message: 'db1:3306 no longer has it', server: 'db1:3306' },
    });
  });

  test('an error that nobody foresaw shows its stack and asks for a report', async () => {
    const { output, texts } = outputs(true);
    expect(await output.error(new TypeError('oops'))).toBe(1);
    expect(JSON.parse(texts.stdout)).toEqual({ error: { code: 'unexpected', message: 'oops' } });
    expect(texts.stderr).toContain('TypeError: oops\n    at ');
    expect(texts.stderr).toContain('Please report it');
  });

  test('what the system refuses is no mistake of ours', async () => {
    const error = await stat('/no/such/file').catch((e: unknown) => e);
    const { output, texts } = outputs(true);
    expect(await output.error(error)).toBe(1);
    expect(texts.stderr).toBe('');
    expect(JSON.parse(texts.stdout)).toMatchObject({
      error: { code: 'system', message: expect.stringContaining('ENOENT') as string },
    });
    const plain = outputs(false);
    await plain.output.error(error);
    expect(plain.texts.stderr).toMatch(/^waymark: ENOENT.*\n$/);
  });

  test('being interrupted is no mistake', async () => {
    const { output, texts } = outputs(false);
    expect(await output.error(new Interrupted('SIGINT'))).toBe(1);
    expect(texts.stderr).toBe('waymark: Interrupted by SIGINT\n');
  });

  test('stays off a stdout that has something else', async () => {
    const { output, texts } = outputs(true);
    await output.error(expected, { stdoutTaken: true });
    expect(texts.stdout).toBe('');
    expect(JSON.parse(texts.stderr)).toHaveProperty('error.code', 'purged');
  });
});
