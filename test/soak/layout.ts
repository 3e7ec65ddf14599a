import { defaultKind } from '../servers/kind.js';
import type { ServerSettings, TopologyOptions, Vendor } from '../servers/index.js';
import type { Random } from '../support/random.js';

const replicas = 3;

/** What a vendor's servers compress their logs by. */
const compressed: Record<Vendor, ServerSettings> = {
  mariadb: { log_bin_compress: 'ON', log_bin_compress_min_len: 10 },
  mysql: { binlog_transaction_compression: 'ON' },
};

/** What a vendor's servers are given besides. */
const besides: Record<Vendor, ServerSettings> = {
  // A statement that is skipped isn't logged: then the replica's log lacks it, and differs (test/servers/settings.ts).
  mariadb: { slave_skip_errors: 'OFF' },
  mysql: {},
};

/** The servers of a run: each replica cuts and packs its log in a way of its own. */
export function drawLayout(random: Random): TopologyOptions & { replicas: ServerSettings[] } {
  const { vendor } = defaultKind();
  const settings = Array.from({ length: replicas }, (_, index) => ({
    max_binlog_size: random.pick(['1M', '8M', '1G']),
    binlog_row_event_max_size: random.pick([1024, 8192, 65_536]),
    // At least one has it, and one hasn't.
    ...(index === 0 || (index === 1 && random.chance(0.5)) ? compressed[vendor] : {}),
  }));
  return { replicas: settings, settings: besides[vendor] };
}
