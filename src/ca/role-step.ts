/** How a node comes to the role that its managers want of it: by a certificate that names it. */
import type { NodeRole } from './certificate.ts';

export interface Roles {
  wanted: NodeRole | undefined;
  /** That the certificate names; undefined: there is none. */
  certified: NodeRole | undefined;
  /** As what the node runs. */
  has: NodeRole;
}

/**
 * The next step; undefined: nothing is to be done. The certificate of a worker is gone by also when the node is wanted as a manager again by the
 * time it has come: nobody listens to a manager that shows it, and its log is that of one that was let go.
 */
export function roleStep({ wanted, certified, has }: Roles): 'renew' | 'promote' | 'demote' | undefined {
  if (wanted === undefined) return undefined;
  if (has === 'manager' && certified === 'worker') return 'demote';
  if (has === wanted && (certified ?? has) === has) return undefined;
  return wanted === 'manager' && certified === 'manager' ? 'promote' : 'renew';
}
