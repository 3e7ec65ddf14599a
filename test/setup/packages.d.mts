/** Installs what is missing of the test servers, where that is possible; else says what to install. */
export function installServers(): Promise<void>;
