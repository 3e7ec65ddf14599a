import type { ServerSettings, Vendor } from './types.js';

/** A kind of server: whose it is, which version, and what sets it apart. */
export interface ServerKind {
  vendor: Vendor;
  /** e.g. `10.11`, which stands for all its patches; whatever there is unless said. */
  version?: string | undefined;
  /** Settings that make it this kind. */
  settings: ServerSettings;
}

const GTIDS: Record<string, ServerSettings> = {
  'gtid-on': { gtid_mode: 'ON', enforce_gtid_consistency: 'ON' },
  'gtid-off': { gtid_mode: 'OFF', enforce_gtid_consistency: 'OFF' },
};

/**
 * What tests start unless they name a vendor: WAYMARK_TEST_SERVER says `vendor[:version][:variant]`, for example
 * `mariadb:11.8`, `mysql:9.7` or `mysql:9.7:gtid-off`. So one and the same test runs on every kind of server.
 */
export function defaultKind(): ServerKind {
  return parseKind(process.env['WAYMARK_TEST_SERVER'] ?? 'mariadb');
}

/** Reads a kind's name; MySQL has GTIDs unless it says `gtid-off`. */
export function parseKind(text: string): ServerKind {
  const [vendor, version, variant = 'gtid-on', ...rest] = text.split(':');
  const settings = GTIDS[variant];
  if (vendor === 'mariadb' && rest.length === 0 && text.split(':').length < 3) {
    return { vendor, version, settings: {} };
  }
  if (vendor === 'mysql' && settings !== undefined && rest.length === 0) return { vendor, version, settings };
  throw new Error(
    `WAYMARK_TEST_SERVER is '${text}': write mariadb[:VERSION] or mysql[:VERSION[:gtid-on|:gtid-off]]`,
  );
}
