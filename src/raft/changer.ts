/** Changes of membership, one member at a time: any majority before and any majority after share a member. */
import { Refusal } from '#base/refusal';
import type { Configuration } from './message.ts';

export interface Change {
  readonly type: 'addVoter' | 'addLearner' | 'remove';
  readonly id: string;
}

/** The configuration after `change`. Refuses to remove or demote the last voter. Repeating a change is harmless. */
export function changed(configuration: Configuration, change: Change): Configuration {
  const voters = configuration.voters.filter((id) => id !== change.id);
  const learners = configuration.learners.filter((id) => id !== change.id);
  if (change.type === 'addVoter') voters.push(change.id);
  if (change.type === 'addLearner') learners.push(change.id);
  if (voters.length === 0) throw new Refusal('failedPrecondition', `${change.id} is the last voting manager`);
  return { voters: voters.sort(), learners: learners.sort() };
}

/** True when `id` takes part at all. */
export function isMember(configuration: Configuration, id: string): boolean {
  return configuration.voters.includes(id) || configuration.learners.includes(id);
}
