import { runtime } from '../runtime/runtime.js';

/**
 * Returns the owner of a file or folder: `root (uid 0)`. Null if this process owns it, if it doesn't exist, or if it
 * can't be looked up.
 */
export async function foreignOwnerOf(path: string): Promise<string | null> {
  try {
    const { owner } = await runtime().disk.status(path);
    return owner === process.getuid?.() ? null : await userText(owner);
  } catch {
    // The owner only adds to the message of another error.
    return null;
  }
}

/** Returns the user of this process: `waymark (uid 1000)`. */
export async function ownUser(): Promise<string> {
  const uid = process.geteuid?.();
  return uid === undefined ? 'this user' : userText(uid);
}

async function userText(uid: number): Promise<string> {
  const number = `uid ${String(uid)}`;
  // This file doesn't list all users (LDAP, other containers). Those users have no name here.
  const { disk } = runtime();
  const users = await disk.readFile('/etc/passwd').catch(() => '');
  const name = String(users)
    .split('\n')
    .map((line) => line.split(':'))
    .find((fields) => fields[2] === String(uid))?.[0];
  return name === undefined ? number : `${name} (${number})`;
}
