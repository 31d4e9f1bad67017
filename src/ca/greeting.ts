/** How a node shows that it is reached where it says that it is. */
import { createHash } from 'node:crypto';

/** What it says, until its request for a certificate is answered, to whoever connects there. `request`: PEM. */
export function greetingOf(request: string): string {
  return createHash('sha256').update(request).digest('hex');
}
