import { type Address, formatAddress } from '../config/address.js';
import { type Account, instanceOf, type ServerKind } from '../mysql/instance.js';
import { type SurveyedServer, surveyServer } from './surveyed-server.js';
import { neighboursOf, sourcesOf } from './neighbours.js';

export type SurveyOptions = {
  readonly account: Account;
  /** What is declared of servers, by name. */
  readonly kinds?: ReadonlyMap<string, ServerKind>;
  readonly signal: AbortSignal;
  /** For each server. */
  readonly timeoutMs?: number;
  /** Whether to look only at the sources of servers, and not at their replicas. */
  readonly upwards?: true;
};

const defaultTimeoutMs = 3000;

/**
 * Looks at servers and, through what each says, at all those above and below them; each once, all at the same time.
 * Ends also where servers replicate in a ring. Those that don't answer are in the list, with the reason.
 */
export async function survey(starts: readonly Address[], options: SurveyOptions): Promise<SurveyedServer[]> {
  const { account, kinds, signal, timeoutMs = defaultTimeoutMs, upwards = false } = options;
  const looks = new Map<string, SurveyedServer | null>();
  const certain = new Set<string>();
  const visit = async (address: Address): Promise<void> => {
    const name = formatAddress(address);
    if (looks.has(name)) return;
    // So that the order of the list is that of discovery.
    looks.set(name, null);
    const instance = instanceOf({ address, kind: kinds?.get(name) }, account);
    const look = await surveyServer(instance, signal, timeoutMs);
    looks.set(name, look);
    if (look.state === 'dead') return;
    const neighbours = upwards ? { certain: sourcesOf(look), guesses: [] } : neighboursOf(look);
    for (const neighbour of neighbours.certain) certain.add(formatAddress(neighbour));
    await Promise.all([...neighbours.certain, ...neighbours.guesses].map(visit));
  };
  for (const start of starts) certain.add(formatAddress(start));
  await Promise.all(starts.map(visit));
  return [...looks].flatMap(([name, look]) =>
    look === null || (look.state === 'dead' && !certain.has(name)) ? [] : [look],
  );
}
