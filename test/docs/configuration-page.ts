import { readFileSync } from 'node:fs';
import { format, resolveConfig } from 'prettier';
import { configReference } from './config-reference.js';

/** The page with the reference of the config file. */
export const configurationPath = 'docs/configuration.md';

const begin = '<!-- reference: made by npm run docs -->';
const end = '<!-- end of the reference -->';

/** The page as it is, with the reference as it should be. */
export async function configurationPage(): Promise<string> {
  const page = readFileSync(configurationPath, 'utf8');
  const [before, after] = [page.indexOf(begin), page.indexOf(end)];
  if (before < 0 || after < before) throw new Error(`${configurationPath} has no place for the reference`);
  const text = `${page.slice(0, before + begin.length)}\n\n${configReference()}\n\n${page.slice(after)}`;
  return format(text, { ...(await resolveConfig(configurationPath)), parser: 'markdown' });
}
