import { clock } from './progress-line.js';
import { type Outcome, type RunReport, totalsOf } from './report.js';

/** A run with its title, as the summary names it. */
export interface TitledRun extends RunReport {
  readonly title: string;
  readonly durationMs: number;
}

/** Of a message so much is said; all of it was said when the test failed. */
const messageLength = 400;
/** So many names of what was skipped for one reason; of more the files. */
const mostNames = 8;

/**
 * What a person wants to know when all runs have ended: each run's figures, what failed and where, what passed at the
 * second try only, and what was skipped and why.
 */
export function summary(runs: readonly TitledRun[]): string {
  const all = runs.flatMap(({ outcomes }) => outcomes);
  return [
    ...runs.map(figures),
    ...section('Failed', all.filter(({ state }) => state === 'failed').map(withMessage)),
    ...section(
      'Passed at the second try only',
      all.filter(({ state, message }) => state === 'passed' && message !== null).map(withMessage),
    ),
    ...section('Skipped', skipped(all)),
  ].join('\n');
}

function figures({ title, outcomes, files, durationMs }: TitledRun): string {
  const { passed, failed, skipped: left } = totalsOf(outcomes);
  const counts = [
    `${passed.toLocaleString('en')} passed`,
    failed === 0 ? 'none failed' : `${failed} FAILED`,
    `${left.toLocaleString('en')} skipped`,
  ];
  return `${title}: ${counts.join(', ')}, in ${files} ${files === 1 ? 'file' : 'files'} and ${clock(durationMs)} min`;
}

function section(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : ['', `${title}:`, ...lines.map((line) => line.replace(/^/gm, '  '))];
}

function withMessage({ place, name, message }: Outcome): string {
  const text = (message ?? '').trim().slice(0, messageLength).replace(/^/gm, '    ');
  return `${place}  ${name}\n${text}`.trimEnd();
}

/** By reason, since one reason often stands for many. */
function skipped(outcomes: readonly Outcome[]): string[] {
  const left = outcomes.filter(({ state }) => state === 'skipped');
  const failed = outcomes.filter(({ state }) => state === 'failed');
  const reasonOf = ({ file, name, message }: Outcome): string => {
    if (message !== null) return message;
    const isBelow = failed.some((one) => one.file === file && name.startsWith(`${one.name} > `));
    return isBelow ? 'what they need failed' : 'not meant for these servers';
  };
  return [...groupedBy(left, reasonOf)].flatMap(([reason, ours]) => {
    const names =
      ours.length <= mostNames
        ? ours.map(({ file, name }) => `${file}  ${name}`)
        : [...groupedBy(ours, ({ file }) => file)].map(
            ([file, some]) => `${file}  ${some.length} ${some.length === 1 ? 'test' : 'tests'}`,
          );
    return [`${reason} (${ours.length}):`, ...names.map((name) => `  ${name}`)];
  });
}

function groupedBy(outcomes: readonly Outcome[], key: (outcome: Outcome) => string): Map<string, Outcome[]> {
  const groups = new Map<string, Outcome[]>();
  for (const outcome of outcomes) {
    const name = key(outcome);
    groups.set(name, [...(groups.get(name) ?? []), outcome]);
  }
  return groups;
}
