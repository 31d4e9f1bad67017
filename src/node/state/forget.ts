/** What a state folder holds of a cluster goes when the node has left it. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { forgetCertificateFiles } from '#identity/certificate-files';
import { forgetIdentity } from './identity.ts';

export function forgetCluster(state: string): void {
  forgetIdentity(state);
  forgetCertificateFiles(state);
  forgetManager(state);
}

/** What a manager alone holds. */
export function forgetManager(state: string): void {
  for (const name of ['raft', 'repositories']) rmSync(join(state, name), { recursive: true, force: true });
}
