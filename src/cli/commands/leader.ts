import { hostname } from 'node:os';
import { type Command } from 'commander';
import { loadConfig } from '../../config/load.js';
import { createElections } from '../../election/create-elections.js';
import type { Election, LeaderView } from '../../election/election.js';
import { formatAgentId } from '../../election/agent-id.js';
import { readAccount } from '../../mysql/account.js';
import { exitCodes } from '../../util/errors.js';
import type { CommandContext, CommandWork, CommonOptions, Start } from '../context.js';
import { withConfigOption } from '../options.js';
import { formatDuration } from '../../util/quantities.js';

type LeaderOptions = CommonOptions & { readonly config: string };

/** What is done to an election; gives who leads then. */
type Action = (election: Election, signal: AbortSignal) => Promise<LeaderView>;

const actions: readonly { name: string; description: string; act: Action }[] = [
  {
    name: 'show',
    description: 'Show who leads and who waits.',
    act: (election, signal) => election.show(signal),
  },
  {
    name: 'take',
    description: "Make this machine's agent the leader, by force. The present leader stops first.",
    act: (election, signal) => election.take(hostname(), signal),
  },
  {
    name: 'resign',
    description:
      "Make this machine's agent give up its lead. It must be the leader. Waiting agents go first.",
    act: (election, signal) => election.stepDown(hostname(), signal),
  },
  {
    name: 'reelect',
    description: 'Make the leader give up, wherever it runs. Waiting agents go first.',
    act: (election, signal) => election.stepDown(null, signal),
  },
];

/** `waymark leader`: who works on a stream, and who shall. */
export function addLeaderCommand(program: Command, start: Start): void {
  const leader = program
    .command('leader')
    .description('Show which of several agents leads a stream, or make another one lead.')
    .addHelpText(
      'after',
      `
take, resign and reelect return when somebody leads again; a leader that doesn't answer is waited for until its lease
has run out. Exit code 1: nobody took over, or there is nobody who could give up.
Where agents share several streams out, the stream goes back to whose it is after 15 s: to relieve a machine, stop its
agent.
JSON: {stream, backend, leader: {host, pid, run} | null, token, mine, waiting: […] | null, lastSeenMsAgo}

Examples:
  waymark leader show -c waymark.yaml
  waymark leader take -c waymark.yaml --json`,
    );
  for (const { name, description, act } of actions) {
    withConfigOption(leader.command(name).description(description)).action(start(leaderWork(act)));
  }
}

function leaderWork(act: Action): CommandWork<LeaderOptions> {
  return async (context: CommandContext, options: LeaderOptions) => {
    const config = await loadConfig(options.config, context.environment, {}, options.stream);
    const account = await readAccount(config);
    const logger = context.createLogger(options.logLevel ?? 'warn');
    const elections = createElections(config.election, { account, logger });
    try {
      const view = await act(elections.of(config.stream), context.signal);
      await context.output.result(view, render(view));
      return exitCodes.done;
    } finally {
      await elections.close();
    }
  };
}

function render({ stream, backend, leader, token, waiting, lastSeenMsAgo }: LeaderView): string {
  if (backend === 'none') return `${stream}: no election ("election" in the config file)`;
  const who = leader === null ? 'nobody leads' : `led by ${formatAgentId(leader)}`;
  const seen = lastSeenMsAgo === null ? '' : `, seen ${formatDuration(lastSeenMsAgo)} ago`;
  const lines = [`${stream}: ${who} (token ${token}${seen})`];
  for (const agent of waiting ?? []) lines.push(`  waiting  ${formatAgentId(agent)}`);
  return lines.join('\n');
}
