import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { codeBlocks } from '../../docs/markdown.js';
import { agentPrivileges } from '../../support/grants.js';

/** The tests against real servers run with these privileges and no more. */
test.each(['README.md', 'docs/setup.md'])('%s grants the agent what it needs', (path) => {
  const statements = codeBlocks(readFileSync(path, 'utf8'), 'sql').join('\n');
  for (const vendor of ['mariadb', 'mysql'] as const) {
    expect(statements).toContain(`GRANT ${agentPrivileges({ vendor })} ON *.* TO waymark@'%';`);
  }
});
