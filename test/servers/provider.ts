import { chooseProvider } from '../setup/provider.mjs';
import { containerLauncher } from './containers/launcher.js';
import { defaultKind } from './kind.js';
import type { InstalledServer, Launcher } from './launcher.js';
import { nativeLauncher } from './native/launcher.js';
import type { Provider, Vendor } from './types.js';

let chosen: Provider | undefined;

/** Which provider runs the servers of this run. */
export function provider(): Provider {
  chosen ??= chooseProvider();
  return chosen;
}

/** The provider's way to run processes. */
export function launcher(): Launcher {
  return provider() === 'native' ? nativeLauncher : containerLauncher;
}

/** Whether this run can start servers of a vendor (and version); tests skip, saying so, what it can't. */
export async function supports(vendor: Vendor, version?: string): Promise<boolean> {
  return (await launcher().version(vendor, version)) !== undefined;
}

/** Whether a test that runs on every vendor's servers is to run on this one's: the run may be on one vendor alone. */
export async function isMeant(vendor: Vendor): Promise<boolean> {
  const alone = process.env['WAYMARK_TEST_SERVER'] !== undefined;
  return (!alone || defaultKind().vendor === vendor) && (await supports(vendor));
}

/** The server's program, or an error that says what is missing. */
export async function requireServer(vendor: Vendor, version?: string): Promise<InstalledServer> {
  const installed = await launcher().version(vendor, version);
  if (installed !== undefined) return installed;
  throw new Error(
    `the ${provider()} provider has no ${vendor} ${version ?? 'server'}: ` +
      'see test/setup (packages.mjs for native, images.mjs for containers)',
  );
}
