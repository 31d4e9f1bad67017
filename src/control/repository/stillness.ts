/** Why nothing of a repository is written now: somebody suspended it, or a freeze window holds and nobody opened it. */
import { timeOf, timeText } from '#base/clock';
import { Refusal } from '#base/refusal';
import { shownName } from '#base/text/shown-name';
import { frozenBy } from '#model/freeze';
import type { Repository } from '#model/object/repository';
import { update } from '#store/action';
import type { UseCase } from '../cluster.ts';
import { findObject } from '../find.ts';
import { withDeed } from '../log/deeds.ts';

export type Stillness = { state: 'suspended' } | { state: 'frozen'; window: string };

/** undefined: what is wanted is written. */
export function stillness(
  { Suspended, Spec, Thawed, Declared }: Pick<Repository, 'Suspended' | 'Spec' | 'Thawed' | 'Declared'>,
  now: number,
): Stillness | undefined {
  if (Suspended) return { state: 'suspended' };
  if (Thawed && timeOf(Thawed.Until) > now) return undefined;
  const window = frozenBy(Spec.Freeze, now) ?? frozenBy(Declared?.Freeze, now);
  return window === undefined ? undefined : { state: 'frozen', window };
}

/** Longest time that a word against a freeze holds, milliseconds. */
const longestThawMs = 24 * 3_600_000;
const longestReason = 500;

/** Writes though a window holds, for a while, and keeps why. */
export function thawRepository(ref: string, { reason, forMs, who }: { reason: string; forMs: number; who?: string | undefined }): UseCase<void> {
  return (view, context) => {
    const { now } = context;
    const repository = findObject(view, 'repository', ref);
    if (reason.trim() === '' || reason.length > longestReason)
      throw new Refusal('invalidArgument', `a reason of at most ${longestReason} characters must be given`);
    if (!(forMs > 0 && forMs <= longestThawMs)) throw new Refusal('invalidArgument', 'a freeze is opened for at most 24h');
    if (stillness(repository, now)?.state !== 'frozen')
      throw new Refusal('failedPrecondition', `no freeze window of repository ${repository.Spec.Name} holds now`);
    const Thawed = { Until: timeText(now + forMs), Reason: reason.trim(), ...(who && { Who: shownName(who) }) };
    const facts = { what: 'thawed', who, reason: `until ${Thawed.Until}: ${Thawed.Reason}` } as const;
    const actions = withDeed(view, [update('repository', { ...repository, Thawed })], { kind: 'repository', name: repository.Spec.Name }, facts, context);
    return { actions, result: undefined };
  };
}
