import { supports, type TopologyOptions } from '../servers/index.js';

/**
 * Whose servers a scenario runs on that asks them about their state: MySQL's where this run has them; MariaDB is
 * what every other run has.
 */
export const vendor: NonNullable<TopologyOptions['vendor']> = (await supports('mysql')) ? 'mysql' : 'mariadb';
