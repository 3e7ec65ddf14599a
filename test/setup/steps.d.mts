/** The path of a program, in the search path or where the system keeps its own; undefined: it isn't there. */
export function findProgram(name: string): string | undefined;

/** Says what is going on; standard output is the results' alone. */
export function say(text: string): void;

/** A failure of the set-up that the message alone explains. */
export class SetupError extends Error {}

/** Runs a program to its end with its output in a log file, which is shown when it fails; resolves to the output. */
export function run(title: string, command: string[]): Promise<string>;
