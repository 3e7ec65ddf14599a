/** The path of a program, in the search path or where the system keeps its own; undefined: it isn't there. */
export function findProgram(name: string): string | undefined;
