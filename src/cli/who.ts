/** Who sits at the command line. */
import { hostname, userInfo } from 'node:os';

/** Who sits here, for a history: nobody checks it. */
export function whoText(): string {
  try {
    return `${userInfo().username}@${hostname()}`;
  } catch {
    // A user without an entry in the system's list.
    return hostname();
  }
}
