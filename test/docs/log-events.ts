import { readdirSync, readFileSync } from 'node:fs';
import ts from 'typescript';
import type { InjectorNotice } from '../../src/hints/injector.js';

/** What the code writes between `${` and `}` in the name of an event, by what stands before it. */
const notices: Record<InjectorNotice['kind'], true> = {
  failed: true,
  standby: true,
  unlocked: true,
  'replication-unseen': true,
};

/** A word of SQL in src/sql/secret-finder.ts. */
const notOfTheLog = 'routine';

/** The names of all events that the log can have: every `event: '…'` in src. */
export function logEvents(): Set<string> {
  const files = readdirSync('src', { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.ts'),
  );
  const events = new Set(files.flatMap((name) => eventsOf(`src/${name}`)));
  if (!events.delete(notOfTheLog)) throw new Error(`"${notOfTheLog}" is no word of src any more`);
  return events;
}

function eventsOf(path: string): string[] {
  const source = ts.createSourceFile(path, readFileSync(path, 'utf8'), ts.ScriptTarget.Latest, true);
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isPropertyAssignment(node) && node.name.getText() === 'event') {
      found.push(...namesIn(node.initializer, source));
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

function namesIn(value: ts.Expression, source: ts.SourceFile): string[] {
  if (ts.isStringLiteral(value)) return [value.text];
  if (ts.isConditionalExpression(value)) {
    return [...namesIn(value.whenTrue, source), ...namesIn(value.whenFalse, source)];
  }
  if (ts.isTemplateExpression(value)) {
    const before = value.head.text;
    if (before === 'injector.') return Object.keys(notices).map((kind) => before + kind);
    if (before === 'candidate.') return reportedPhases(source).map((phase) => before + phase);
  }
  throw new Error(
    `${source.fileName}: which events are ${value.getText()}? Say it in test/docs/log-events.ts`,
  );
}

/** What `report('…', …)` is called with in a file. */
function reportedPhases(source: ts.SourceFile): string[] {
  const phases: string[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isCallExpression(node) && node.expression.getText() === 'report') {
      const [phase] = node.arguments;
      if (phase === undefined || !ts.isStringLiteral(phase))
        throw new Error(`which phase is ${node.getText()}?`);
      phases.push(phase.text);
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return phases;
}
