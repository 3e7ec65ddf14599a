/** How a file that we write looks from outside. */
export type FileSight = {
  readonly size: number;
  /** Names that it has: 0 when it was deleted. */
  readonly links: number;
  /** Whether its last bytes are those that we wrote. */
  readonly endIsOurs: boolean;
  /** What its name means now; null: nothing. */
  readonly named: { readonly isOurs: boolean; readonly isEmptyFile: boolean } | null;
};

/** What has become of it. */
export type FileFate =
  | { readonly kind: 'in-place' }
  /** It has another name now, and the old one is free: a rotation. */
  | { readonly kind: 'renamed' }
  /** Somebody has done to it what nobody may: what, and what to do. */
  | { readonly kind: 'damaged'; readonly how: string };

const rotateInstead =
  'To rotate it, rename it and send SIGUSR2 to the agent (see docs/operations.md), which then begins a new file';

/** Judges what has become of a file of which we wrote `offset` bytes. Pure. */
export function fateOf(sight: FileSight, offset: number): FileFate {
  const { size, links, endIsOurs, named } = sight;
  const damaged = (how: string): FileFate => ({ kind: 'damaged', how });
  if (links === 0) {
    return damaged(
      `was deleted, with all that it held. If that was meant, start the agent again and it begins a new one. ${rotateInstead}`,
    );
  }
  if (size !== offset) {
    const doing = size < offset ? "cuts it, as logrotate's copytruncate does" : 'writes into it';
    return damaged(
      `was changed by somebody else: it has ${String(size)} bytes, not the ${String(offset)} that this agent wrote. ` +
        `Have nothing else that ${doing}; put the right file back, or move this one to another folder. ${rotateInstead}`,
    );
  }
  if (!endIsOurs) {
    return damaged(
      `was changed by somebody else: its last bytes are not those that this agent wrote. Put the right file back, or ` +
        'move this one to another folder',
    );
  }
  if (named?.isOurs) return { kind: 'in-place' };
  if (named === null || named.isEmptyFile) return { kind: 'renamed' };
  return damaged(
    `was replaced: something else stands in its place, and the file has another name. Move that away, and the agent ` +
      'begins a new one',
  );
}
