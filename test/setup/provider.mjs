/** Which provider runs the test servers, for the run as a whole and for each of its processes alike. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** The images of the test servers: see docker/test. */
export const IMAGES = JSON.parse(
  readFileSync(new URL('../../docker/test/images.json', import.meta.url), 'utf8'),
).map((image) => ({ ...image, image: process.env[image.override ?? ''] ?? image.image }));

/** Containers where an engine answers and has the images, else native; WAYMARK_TEST_PROVIDER forces one. */
export function chooseProvider() {
  const forced = process.env.WAYMARK_TEST_PROVIDER ?? '';
  if (forced === 'native' || forced === 'containers') return forced;
  if (forced !== '')
    throw new Error(`WAYMARK_TEST_PROVIDER is '${forced}', but can be 'native' or 'containers'`);
  const needed = IMAGES.filter(({ needed }) => needed).map(({ image }) => image);
  return presentImages(needed).length === needed.length ? 'containers' : 'native';
}

/** Those of the images that the engine has; none where no engine answers. */
export function presentImages(names) {
  return names.filter((name) => {
    try {
      execFileSync('docker', ['image', 'inspect', name], { stdio: 'ignore', timeout: 10_000 });
      return true;
    } catch {
      return false;
    }
  });
}
