/** Who asks, as they say themselves. */
import type { Call } from '../router.ts';

/** The header in which a client says it, as `encodeURIComponent` writes it: nobody checks it. */
export function whoOf({ request }: Call): string | undefined {
  const text = request.headers['shoal-who'];
  if (typeof text !== 'string' || text === '') return undefined;
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
