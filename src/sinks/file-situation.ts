/** What the system says about a file that we write. */
export type FileFacts = {
  readonly size: number;
  /** How many names it has: 0 if it was deleted. */
  readonly links: number;
  /** Whether its last bytes are the ones that we wrote. */
  readonly endIsOurs: boolean;
  /** What has its name now. Null: nothing. */
  readonly named: { readonly isOurs: boolean; readonly isEmptyFile: boolean } | null;
};

/** What has happened to a file that we write. */
export type FileSituation =
  | { readonly kind: 'in-place' }
  /** It has another name, and the old one is free: a rotation. */
  | { readonly kind: 'renamed' }
  /** Somebody did something forbidden. `how` says what, and what to do. */
  | { readonly kind: 'damaged'; readonly how: string };

const rotateInstead =
  'To rotate it, rename it and send SIGUSR2 to the agent (see docs/operations.md). Then the agent begins a new file';

/** Decides what has happened to a file that we wrote `offset` bytes to. Pure. */
export function situationOf(facts: FileFacts, offset: number): FileSituation {
  const { size, links, endIsOurs, named } = facts;
  const damaged = (how: string): FileSituation => ({ kind: 'damaged', how });
  if (links === 0) {
    return damaged(
      `was deleted with all its records. If you meant that, start the agent again: it begins a new file. ${rotateInstead}`,
    );
  }
  if (size !== offset) {
    const doing = size < offset ? "truncates it, as logrotate's copytruncate does" : 'writes to it';
    return damaged(
      `was changed by another process: it has ${String(size)} bytes, not the ${String(offset)} that this agent wrote. ` +
        `Make sure that nothing else ${doing}. Put the right file back, or move this one to another folder. ${rotateInstead}`,
    );
  }
  if (!endIsOurs) {
    return damaged(
      `was changed by another process: its last bytes are not those that this agent wrote. Put the right file back, or ` +
        'move this one to another folder',
    );
  }
  if (named?.isOurs) return { kind: 'in-place' };
  if (named === null || named.isEmptyFile) return { kind: 'renamed' };
  return damaged(
    `was replaced: it has another name, and something else has its name. Move that away: then the agent begins ` +
      'a new one',
  );
}
