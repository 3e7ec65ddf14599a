/** Makes or gets every image that the engine hasn't. */
export function makeImages(): Promise<void>;

/** Gets an official image, where a registry has it for us; resolves to whether the engine has it now. */
export function getOfficialImage(name: string): Promise<boolean>;
