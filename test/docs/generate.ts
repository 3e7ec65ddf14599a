/** `npm run docs`: writes what of the documents is made from the code. */
import { writeFileSync } from 'node:fs';
import { configurationPage, configurationPath } from './configuration-page.js';

writeFileSync(configurationPath, await configurationPage());
console.log(`${configurationPath} has the keys of the schema.`);
