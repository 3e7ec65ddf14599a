import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { describe, expect, test } from 'vitest';
import { parseConfigs } from '../../../src/config/load.js';
import { configKeys } from '../../docs/config-keys.js';
import { schemaKeys } from '../../docs/config-reference.js';
import { configurationPage, configurationPath } from '../../docs/configuration-page.js';
import { codeBlocks, documents } from '../../docs/markdown.js';

test('every key of the schema is explained, and none that is not there', () => {
  expect(Object.keys(configKeys).toSorted()).toEqual(schemaKeys().toSorted());
});

test('the reference is what `npm run docs` makes of the schema', async () => {
  expect(readFileSync(configurationPath, 'utf8')).toBe(await configurationPage());
});

describe('every example of a config file is one that the agent takes', () => {
  const minimal = `
stream: example
servers: [db1, db2]
user: waymark
password: secret
checkpoint: {store: file, path: state}
`;
  const examples = documents().flatMap(({ path, text }) =>
    codeBlocks(text, 'yaml').map((code, index) => ({ name: `${path}, ${String(index + 1)}`, code })),
  );

  test('there are some', () => {
    expect(examples.length).toBeGreaterThan(10);
  });

  test.each(examples)('$name', ({ name, code }) => {
    const environment = Object.fromEntries(
      [...code.matchAll(/\$\{(\w+)\}/g)].map(([, variable = '']) => [variable, 'a secret of some length']),
    );
    const whole = { ...(parse(minimal) as object), ...(parse(code) as object) };
    const stream = 'streams' in whole ? {} : { stream: 'example' };
    const text = JSON.stringify({
      ...stream,
      ...whole,
      ...('streams' in whole ? { stream: undefined } : {}),
    });
    expect(parseConfigs(text, name, environment).length).toBeGreaterThan(0);
  });
});
