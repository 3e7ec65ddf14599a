import js from '@eslint/js';
import tseslint from 'typescript-eslint';

/**
 * The way of the data: a folder imports only from the folders before it in this list.
 * What stands directly under src (agent.ts, index.ts) puts the parts together and is imported by the commands alone.
 */
const layers = [
  'runtime',
  'util',
  'config',
  'sql',
  'mysql',
  'zookeeper',
  'binlog',
  'gtids',
  'dump',
  'transactions',
  'decode',
  'layouts',
  'hints',
  'preflight',
  'matching',
  'correlate',
  'topology',
  'checkpoint',
  'election',
  'injection',
  'records',
  'sinks',
  'tail',
  'pool',
  'resume',
  'shadow',
  'failover',
  'repoint',
  'regroup',
  'http',
  'check',
  'streams',
  'zongji',
];

/** What a file may not import that stands `up` from src: a folder of a layer, or a folder within one. */
function layerRule(index, files, up) {
  const group = [...layers.slice(index + 1).map((later) => `${up}${later}/*`), `${up}*.js`, `${up}cli/*`];
  const before = layers.slice(0, index).join(', ') || 'nothing';
  const message = `src/${layers[index]} may import only from itself and: ${before}.`;
  return {
    files: [files],
    rules: { 'no-restricted-imports': ['error', { patterns: [{ group, message }] }] },
  };
}

const layerRules = layers.flatMap((layer, index) => [
  layerRule(index, `src/${layer}/*.ts`, '../'),
  layerRule(index, `src/${layer}/*/*.ts`, '../../'),
]);

/** What asks a server goes through ServerConnection, where its errors are told apart: nobody else knows the client. */
const clientImport = {
  selector: 'ImportDeclaration[source.value=/^mysql2/], ImportExpression[source.value=/^mysql2/]',
  message: 'Only src/mysql/connection.ts imports mysql2: ask servers through ServerConnection.',
};

const fromRuntime =
  'Ask the runtime (src/runtime/runtime.ts; src/util/clock.ts and src/util/random.ts are the short way).';
const presentDate = {
  selector: 'NewExpression[callee.name="Date"][arguments.length=0]',
  message: fromRuntime,
};

/** These are about this process, whatever agent is in it: the commands, its stdout, its port, the native ZooKeeper client. */
const beyondRuntime = [
  'src/runtime/*.ts',
  'src/check/http.ts',
  'src/cli/**/*.ts',
  'src/sinks/stdout-sink.ts',
  'src/zookeeper/zookeeper-process.ts',
];

/** Clock, timers, network, disk and randomness come from the runtime, so that a whole agent can run in a simulated one. */
const runtimeRules = {
  'no-restricted-globals': [
    'error',
    ...[
      ...['setTimeout', 'setInterval', 'setImmediate', 'clearTimeout', 'clearInterval', 'clearImmediate'],
      ...['performance', 'crypto', 'fetch'],
    ].map((name) => ({ name, message: fromRuntime })),
  ],
  'no-restricted-properties': [
    'error',
    ...[
      ['Date', 'now'],
      ['Math', 'random'],
      ['AbortSignal', 'timeout'],
      ...['pid', 'kill', 'uptime', 'hrtime'].map((name) => ['process', name]),
    ].map(([object, property]) => ({ object, property, message: fromRuntime })),
  ],
  '@typescript-eslint/no-restricted-imports': [
    'error',
    {
      patterns: [
        ['^(node:)?(fs|timers|dns|dgram)(/promises)?$'],
        ['^(node:)?net$', '^(connect|createConnection|Socket)$'],
        ['^(node:)?os$', '^(hostname|uptime)$'],
        ['^(node:)?crypto$', '^random|^webcrypto$'],
      ].map(([regex, importNamePattern]) => ({
        ...{ regex, message: fromRuntime, allowTypeImports: true },
        ...(importNamePattern === undefined ? {} : { importNamePattern }),
      })),
    },
  ],
};

const outsideRules = [
  {
    files: ['src/**/*.ts'],
    rules: { ...runtimeRules, 'no-restricted-syntax': ['error', clientImport, presentDate] },
  },
  { files: ['src/mysql/connection.ts'], rules: { 'no-restricted-syntax': ['error', presentDate] } },
  {
    files: beyondRuntime,
    rules: {
      ...Object.fromEntries(Object.keys(runtimeRules).map((rule) => [rule, 'off'])),
      'no-restricted-syntax': ['error', clientImport],
    },
  },
];

export default tseslint.config(
  { ignores: ['dist/**', 'node_modules/**', 'reports/**'] },
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
  ...outsideRules,
);
