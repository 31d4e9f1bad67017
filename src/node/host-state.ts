/** Whether the whole host is going down: then nothing of it comes back in a moment. */
import { execFile } from 'node:child_process';

const limitMs = 1000;

/** False where nobody can say. */
export function hostIsEnding(): Promise<boolean> {
  return new Promise((resolve) => {
    // It answers with an exit code of its own for every state.
    execFile('systemctl', ['is-system-running'], { timeout: limitMs }, (_error, stdout) => resolve(stdout.trim() === 'stopping'));
  });
}
