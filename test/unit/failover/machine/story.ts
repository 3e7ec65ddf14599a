import type { ErrorCode } from '../../../../src/util/errors.js';
import { formatDuration } from '../../../../src/util/quantities.js';
import type { Finding } from '../../../../src/failover/diagnosis.js';
import type { WhyNot } from '../../../../src/failover/choice.js';
import { Stage } from './stage.js';

/** What a story has shown, of what there must be a story of. */
export type Shown = {
  readonly findings: Set<Finding>;
  readonly whyNot: Set<WhyNot['why']>;
  /** What a stream, or a leadership, has ended with. */
  readonly ends: Set<ErrorCode | 'asked to'>;
};

/** A story with what is decided put in anew. */
export type Retold = { readonly text: string; readonly shown: Shown };

/**
 * Tells a story again: a text of blocks, each with what has happened, a line of `----`, and what was decided of it.
 * `##` begins a scene, with nothing remembered of the one before; `#` is a remark.
 */
export function retell(text: string): Retold {
  const shown: Shown = { findings: new Set(), whyNot: new Set(), ends: new Set() };
  let stage = new Stage(shown);
  const blocks = text.trimEnd().split(/\n{2,}/);
  const told = blocks.map((block) => {
    const lines = block.split('\n');
    const end = lines.indexOf('----');
    const happened = end === -1 ? lines : lines.slice(0, end);
    if (happened[0]?.startsWith('##')) stage = new Stage(shown);
    const sentences = happened.filter((line) => !line.startsWith('#'));
    const decided = sentences.flatMap((sentence) => stage.play(sentence));
    return [...happened, ...(decided.length > 0 ? ['----', ...decided] : [])].join('\n');
  });
  return { text: `${told.join('\n\n')}\n`, shown };
}

/** Reads a duration as it is written for people: `500 ms`, `5 s`, `2 min`. */
export function durationOf(text: string): number {
  const [, count = '', unit = ''] = /^(\d+) (ms|s|min)$/.exec(text) ?? [];
  const unitMs = new Map([
    ['ms', 1],
    ['s', 1000],
    ['min', 60_000],
  ]).get(unit);
  if (unitMs === undefined) throw new Error(`"${text}" is no duration such as ${formatDuration(500)}`);
  return Number(count) * unitMs;
}
