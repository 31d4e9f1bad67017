/** What Docker has no word for about a service, said by labels of it: `shoal.image`, `shoal.engine-socket`. In a stack file it is `x-shoal`, of the service or of all. */
import type { Labels } from '../object/meta.ts';

export const optionPrefix = 'shoal.';

export const serviceOptionValues: Readonly<Record<string, readonly string[]>> = {
  image: ['pin', 'follow'],
  'engine-socket': ['true', 'false'],
  // As model/options/drain reads it; a successor waits for a task no longer than a minute.
  drain: ['false', '1s', '3s', '5s', '10s', '15s', '30s'],
  // As model/options/fence reads it.
  fence: ['true', 'false', '3s', '5s', '10s', '15s', '30s', '60s'],
};

/** Its repository's reconciler asks the registry at each look, and rolls out what the tag means now. */
export function followsImage(labels: Labels | undefined): boolean {
  return labels?.[`${optionPrefix}image`] === 'follow';
}
