/** One image of the test servers. */
export interface TestImage {
  server: 'mariadb' | 'mysql' | 'zookeeper';
  /** Whether the tests as a whole need it; without the others some are skipped. */
  needed: boolean;
  image: string;
  /** Whether it is only ever pulled, and done without where that fails; the others are made here. */
  official?: true;
  /** The environment variable that names another image. */
  override?: string;
  /** The folder of its Dockerfile. */
  folder?: string;
  /** The Debian release that it is built on. */
  suite?: string;
}

/** The images of the test servers, with what the environment says. */
export const IMAGES: TestImage[];

/** Containers where an engine answers and has the images, else native; WAYMARK_TEST_PROVIDER forces one. */
export function chooseProvider(): 'native' | 'containers';

/** Those of the images that the engine has. */
export function presentImages(names: string[]): string[];
