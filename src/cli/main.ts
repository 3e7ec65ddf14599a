#!/usr/bin/env node

/** The program is many files; that no more can be opened is the system's affair, and needs no stack. */
function cannotLoad(error: unknown): never {
  const code = error instanceof Error && 'code' in error ? error.code : null;
  if (code !== 'EMFILE' && code !== 'ENFILE') throw error;
  process.stderr.write(
    'waymark: this process, or this machine, may open no more files: raise the limit (ulimit -n, LimitNOFILE)\n',
  );
  process.exit(1);
}

const { runProgram } = await import('./program.js').catch(cannotLoad);
process.exitCode = await runProgram(process);
// Native clients (ZooKeeper's) and a standard input that nobody reads must not keep a finished command alive; what it
// had to say has been written by now.
process.exit();
