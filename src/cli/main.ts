#!/usr/bin/env node
import { runProgram } from './program.js';

process.exitCode = await runProgram(process);
// Native clients (ZooKeeper's) and a standard input that nobody reads must not keep a finished command alive; what it
// had to say has been written by now.
process.exit();
