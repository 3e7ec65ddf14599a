import { runtime } from '../runtime/runtime.js';

/** Whose a file or folder is: `root (uid 0)`. Null when it is ours, isn't there, or nobody can tell. */
export async function foreignOwnerOf(path: string): Promise<string | null> {
  try {
    const { owner } = await runtime().disk.status(path);
    return owner === process.getuid?.() ? null : await userText(owner);
  } catch {
    // Said only in addition to another error.
    return null;
  }
}

/** Whose this process is: `waymark (uid 1000)`. */
export async function ownUser(): Promise<string> {
  const uid = process.geteuid?.();
  return uid === undefined ? 'this user' : userText(uid);
}

async function userText(uid: number): Promise<string> {
  const number = `uid ${String(uid)}`;
  // Users who are not in this file (LDAP, other containers) have no name here.
  const { disk } = runtime();
  const users = await disk.readFile('/etc/passwd').catch(() => '');
  const name = String(users)
    .split('\n')
    .map((line) => line.split(':'))
    .find((fields) => fields[2] === String(uid))?.[0];
  return name === undefined ? number : `${name} (${number})`;
}
