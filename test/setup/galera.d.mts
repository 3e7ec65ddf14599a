/** Where the scripts of Galera's state transfers are. */
export const GALERA_SCRIPTS: string;
