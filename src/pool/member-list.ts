import type { Logger } from 'pino';
import { type Address, formatAddress } from '../config/address.js';
import { monotonicMs } from '../util/clock.js';
import { formatDuration } from '../util/quantities.js';
import { type DiscoveredMember, type Presence, settle } from './discovered.js';
import type { FoundMember } from './members.js';

/** A member that was found, and when it was last known to be there. */
export type ListedMember = DiscoveredMember & FoundMember;

export type MemberListOptions = {
  /** How long a member may be gone before it leaves the pool. */
  readonly dropAfterMs: number;
  readonly logger: Logger;
  /** Called when there are other members than before, with all of them. */
  readonly onChange: (found: readonly FoundMember[]) => void;
};

/** The members that were found beside the configured ones. It says who joins, who leaves, and who doesn't fit. */
export class MemberList {
  readonly #options: MemberListOptions;
  #members: readonly ListedMember[] = [];

  constructor(options: MemberListOptions) {
    this.#options = options;
  }

  get members(): readonly ListedMember[] {
    return this.#members;
  }

  /** Adds the server that the stream was read from, as its checkpoint says, unless it is a member or configured. */
  remember(address: Address, configured: readonly { readonly address: Address }[], why: string): void {
    const name = formatAddress(address);
    if ([...configured, ...this.#members].some((other) => formatAddress(other.address) === name)) return;
    this.set([...this.#members, this.joined({ address, of: null }, 'the checkpoint', why)]);
  }

  /** A new member, which is logged. It isn't in the list before {@link set}. */
  joined(found: FoundMember, by: string, why: string): ListedMember {
    const server = formatAddress(found.address);
    this.#options.logger.info(
      { event: 'member.discovered', server, by },
      `${server} has joined the pool: ${why}`,
    );
    return { ...found, seenAtMs: monotonicMs() };
  }

  /** Logs that a server doesn't join. */
  refused(server: string, reason: string): void {
    this.#options.logger.info(
      { event: 'member.unfit', server, reason },
      `${server} was reported, but does not join the pool: ${reason}`,
    );
  }

  /**
   * Those of some members that stay. Logs those that leave.
   * @param missing what has been missing since they were seen last: `no server has reported it`.
   */
  settled(members: readonly ListedMember[], presence: Presence, missing: string): readonly ListedMember[] {
    const { dropAfterMs, logger } = this.#options;
    const { kept, dropped } = settle(members, presence, { nowMs: monotonicMs(), dropAfterMs });
    for (const { address } of dropped) {
      const server = formatAddress(address);
      const reason = `for ${formatDuration(dropAfterMs)} ${missing}, and it has not answered`;
      logger.info({ event: 'member.dropped', server, reason }, `${server} has left the pool: ${reason}`);
    }
    return kept;
  }

  set(members: readonly ListedMember[]): void {
    const [before, after] = [this.#members, members].map((list) =>
      list.map(({ address, of }) => `${formatAddress(address)} ${of ?? ''}`),
    );
    this.#members = members;
    if (before?.join() !== after?.join())
      this.#options.onChange(members.map(({ address, of }) => ({ address, of })));
  }
}
