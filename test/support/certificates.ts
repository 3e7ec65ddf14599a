import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** A certificate and its key, as files (PEM). */
export type Issued = { readonly cert: string; readonly key: string };

/** An authority that issues certificates to servers, with all its files in one folder. */
export class Authority {
  /** The file with its own certificate. */
  readonly ca: string;
  readonly #key: string;
  readonly #folder: string;
  readonly #name: string;
  #issued = 0;

  private constructor(folder: string, name: string) {
    this.#folder = folder;
    this.#name = name;
    this.ca = join(folder, `${name}-ca.pem`);
    this.#key = join(folder, `${name}-ca-key.pem`);
  }

  static async found(folder: string, name: string): Promise<Authority> {
    const authority = new Authority(folder, name);
    await openssl(
      ...['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', `/CN=${name}`],
      ...['-keyout', authority.#key, '-out', authority.ca],
    );
    return authority;
  }

  /** @param names as OpenSSL has them: `DNS:localhost`, `IP:127.0.0.1`. */
  async issue(...names: readonly string[]): Promise<Issued> {
    this.#issued += 1;
    const base = join(this.#folder, `${this.#name}-${this.#issued}`);
    const [cert, key, request, extensions] = ['pem', 'key', 'csr', 'ext'].map((end) => `${base}.${end}`) as [
      string,
      string,
      string,
      string,
    ];
    await writeFile(extensions, `subjectAltName=${names.join(',')}\n`);
    await openssl(
      'req',
      '-newkey',
      'rsa:2048',
      '-nodes',
      '-subj',
      '/CN=server',
      '-keyout',
      key,
      '-out',
      request,
    );
    await openssl(
      ...[
        'x509',
        '-req',
        '-days',
        '2',
        '-in',
        request,
        '-CA',
        this.ca,
        '-CAkey',
        this.#key,
        '-CAcreateserial',
      ],
      ...['-extfile', extensions, '-out', cert],
    );
    return { cert, key };
  }
}

/** What is in the files. */
export async function contentOf({ cert, key }: Issued): Promise<{ cert: string; key: string }> {
  return { cert: await readFile(cert, 'utf8'), key: await readFile(key, 'utf8') };
}

async function openssl(...args: readonly string[]): Promise<void> {
  await run('openssl', args, { timeout: 30_000 });
}
