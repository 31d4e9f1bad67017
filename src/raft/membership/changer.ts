/** Changes of membership, one member at a time: any majority before and any majority after share a member. */
import type { Configuration } from '../message.ts';

export interface Change {
  readonly type: 'addVoter' | 'addLearner' | 'remove';
  readonly id: string;
  /** Where the member is reached from now on; absent: as before. */
  readonly address?: string;
}

/** The configuration after `change`; undefined when it would remove or demote the last voter. Repeating a change is harmless. */
export function changed(configuration: Configuration, change: Change): Configuration | undefined {
  const voters = configuration.voters.filter((id) => id !== change.id);
  const learners = configuration.learners.filter((id) => id !== change.id);
  if (change.type === 'addVoter') voters.push(change.id);
  if (change.type === 'addLearner') learners.push(change.id);
  if (voters.length === 0) return undefined;
  const addresses = addressesAfter(configuration.addresses, change);
  return { voters: voters.sort(), learners: learners.sort(), ...(addresses && { addresses }) };
}

function addressesAfter(before: Configuration['addresses'], { type, id, address }: Change): Configuration['addresses'] {
  const { [id]: known, ...others } = before ?? {};
  const now = type === 'remove' ? undefined : (address ?? known);
  const after = now === undefined ? others : { ...others, [id]: now };
  return Object.keys(after).length === 0 ? undefined : after;
}

/** True when `id` takes part at all. */
export function isMember(configuration: Configuration, id: string): boolean {
  return configuration.voters.includes(id) || configuration.learners.includes(id);
}
