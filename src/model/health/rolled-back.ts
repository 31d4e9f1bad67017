/** Whether an update failed and went back by itself. */
import type { Service } from '../object/service.ts';

/**
 * Going back by itself forgets the previous spec; a rollback by hand keeps one. Any change of the spec forgets the status.
 * Without this a repository's failing spec would be rolled out and back for ever.
 */
export function wasRolledBack(service: Pick<Service, 'PreviousSpec' | 'UpdateStatus'>): boolean {
  return service.PreviousSpec === undefined && (service.UpdateStatus?.State.startsWith('rollback') ?? false);
}
