import { supports, type TopologyOptions } from '../servers/index.js';

/** What a scenario that asks servers about their state runs on: every vendor that this run has. */
export const vendors: readonly NonNullable<TopologyOptions['vendor']>[] = (await supports('mysql'))
  ? ['mariadb', 'mysql']
  : ['mariadb'];
