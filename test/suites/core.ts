/** A test of the core, and what breaks when it fails. */
export interface CoreTest {
  /** As in groups.ts. */
  readonly test: string;
  readonly why: string;
}

/**
 * What `npm test` runs beside the unit tests, in less than ten minutes on two cores: chosen by hand, so that each promise
 * of the README has a test that would break it, each part of the agent has one that touches it, and none takes long.
 */
export const core: readonly CoreTest[] = [
  // Nothing lost, and nothing twice.
  {
    test: 'scenarios/replica-killed/',
    why: 'nothing lost: the death of a server cannot be seen in the output',
  },
  {
    test: 'scenarios/replica-killed-mid-transaction/',
    why: 'nothing twice: nor in the middle of a transaction',
  },
  {
    test: 'scenarios/agent-killed/',
    why: "nothing twice: nor the agent's own death, with a sink that remembers",
  },
  { test: 'scenarios/frozen-replica/', why: 'nothing lost: silence is noticed' },
  {
    test: 'integration/sink-file-kill',
    why: 'nothing twice: the audit file is whole, whenever the agent is killed',
  },
  // Never silently wrong.
  { test: 'scenarios/candidate-lags/', why: 'proved by content: a candidate that lags is waited for' },
  { test: 'scenarios/candidate-own-transactions/', why: "proved by content: a candidate's own are left out" },
  { test: 'scenarios/diverged/', why: 'never silently wrong: what cannot be proved stops the stream' },
  {
    test: 'scenarios/no-hints/',
    why: 'never silently wrong: without hints a lost server is an error, not a guess',
  },
  { test: 'scenarios/rolled-back/', why: 'never silently wrong: what was rolled back does not come' },
  {
    test: 'integration/resume',
    why: 'proved by content: each way in which a place can be found, or refused',
  },
  {
    test: 'integration/locate',
    why: 'proved by content: a hint is found in the logs, wrong ones do no harm',
  },
  { test: 'integration/correlate', why: 'proved by content: the same place on another server' },
  {
    test: 'integration/transactions',
    why: 'one identity on all servers, for every form that a transaction has',
  },
  { test: 'integration/records', why: 'the output is what the document says' },
  { test: 'integration/row-decoder', why: 'every type of column' },
  { test: 'exact/cases', why: 'every value, against what the server says' },
  { test: 'exact/types', why: 'every type, against what the server says' },
  { test: 'integration/statements', why: 'statements, and no secret in them' },
  { test: 'hostile/spoilt-events', why: 'a damaged log is refused by name' },
  { test: 'hostile/login', why: 'a hostile server gets no password' },
  // Harmless.
  { test: 'integration/preflight', why: 'harmless: what an account may not have, and what settings must be' },
  { test: 'scenarios/regroup-dead-source/', why: 'moving replicas: those of a dead source are put in order' },
  // No GTIDs needed; kept elsewhere than in a file; more than one agent.
  { test: 'scenarios/election/leader-killed/', why: 'two agents, by ZooKeeper and by MySQL' },
  { test: 'integration/checkpoint-contract', why: 'all stores of the checkpoint keep one contract' },
  { test: 'integration/fencing', why: 'who no longer leads cannot write' },
  { test: 'scenarios/zookeeper-checkpoint/', why: 'ZooKeeper may be away while a server dies' },
  { test: 'scenarios/diagnosis/one-left/', why: 'several deaths, until one server is left' },
  // What a newcomer tries.
  { test: 'integration/quick-start', why: "the README's quick start leads to a running agent" },
  {
    test: 'integration/cli-run',
    why: 'the command ends as it should, with the exit codes that it should have',
  },
  { test: 'integration/zongji-interface', why: "zongji's interface" },
];

/**
 * What is run on the newest Node.js as well, beside the unit tests and the demo: one scenario of each kind.
 */
export const newest: readonly string[] = [
  'scenarios/replica-killed/',
  'scenarios/agent-killed/',
  'scenarios/candidate-lags/',
  'scenarios/diagnosis/one-left/',
  'scenarios/election/leader-killed/',
  'scenarios/zookeeper-checkpoint/',
  'scenarios/names-after-ddl/',
  'scenarios/regroup-dead-source/',
  'integration/zongji-interface',
];
