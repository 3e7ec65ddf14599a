import js from '@eslint/js';
import tseslint from 'typescript-eslint';

/**
 * The way of the data: a folder imports only from the folders before it in this list.
 * What stands directly under src (agent.ts, index.ts) puts the parts together and is imported by faces alone.
 */
const layers = [
  'util',
  'config',
  'mysql',
  'zookeeper',
  'binlog',
  'decode',
  'layouts',
  'hints',
  'matching',
  'topology',
  'checkpoint',
  'election',
  'records',
  'sinks',
  'tail',
  'failover',
  'repoint',
  'regroup',
  'http',
  'conditions',
  'stream',
  'zongji',
];

const layerRules = layers.map((layer, index) => ({
  files: [`src/${layer}/**/*.ts`],
  rules: {
    'no-restricted-imports': [
      'error',
      {
        patterns: [
          {
            group: [...layers.slice(index + 1).map((later) => `../${later}/*`), '../*.js', '../cli/*'],
            message: `src/${layer} may import only from itself and: ${layers.slice(0, index).join(', ') || 'nothing'}.`,
          },
        ],
      },
    ],
  },
}));

/** What asks a server goes through ServerConnection, where its errors are told apart: nobody else knows the client. */
const clientRule = {
  files: ['src/**/*.ts'],
  ignores: ['src/mysql/connection.ts'],
  rules: {
    'no-restricted-syntax': [
      'error',
      {
        selector: 'ImportDeclaration[source.value=/^mysql2/], ImportExpression[source.value=/^mysql2/]',
        message: 'Only src/mysql/connection.ts imports mysql2: ask servers through ServerConnection.',
      },
    ],
  },
};

export default tseslint.config(
  { ignores: ['dist/**', 'node_modules/**'] },
  js.configs.recommended,
  {
    files: ['**/*.ts'],
    extends: [...tseslint.configs.strictTypeChecked, ...tseslint.configs.stylisticTypeChecked],
    languageOptions: { parserOptions: { projectService: true } },
    rules: {
      '@typescript-eslint/consistent-type-definitions': 'off',
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true },
      ],
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      '@typescript-eslint/no-unnecessary-condition': ['error', { allowConstantLoopConditions: true }],
      'max-lines-per-function': ['error', { max: 60, skipBlankLines: true, skipComments: true }],
    },
  },
  {
    // A suite is one long function of many short ones.
    files: ['test/**/*.ts'],
    rules: {
      'max-lines-per-function': 'off',
      '@typescript-eslint/no-non-null-assertion': 'off',
    },
  },
  {
    files: ['**/*.mjs', '**/*.js'],
    languageOptions: {
      globals: {
        ...{ process: 'readonly', console: 'readonly', setTimeout: 'readonly', URL: 'readonly' },
        ...{ AbortController: 'readonly', performance: 'readonly' },
      },
    },
  },
  ...layerRules,
  clientRule,
);
