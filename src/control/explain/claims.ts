/** Stacks that are in no repository's hand, and that one waits for. */
import { own } from '#base/text/own';
import type { StackCondition } from '#model/object/stack';
import type { View } from '#store/view';

/** Why a repository does not take the stack of that name, which somebody else deployed; undefined where none asks for it. */
export function claimOn(view: View, name: string): StackCondition | undefined {
  if (view.byName('stack', name)?.Source.Kind === 'repository') return undefined;
  for (const { Status } of view.list('repository')) {
    const reason = own(Status.Held, name);
    if (reason !== undefined) return { State: 'held', Message: reason, Since: Status.Since, ...(Status.Commit !== undefined && { Commit: Status.Commit }) };
  }
  return undefined;
}
