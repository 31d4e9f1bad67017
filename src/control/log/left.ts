/** What repositories remember of stacks that left them, and when they may not any more. */
import { own } from '#base/text/own';
import { update, type Action } from '#store/action';
import type { View } from '#store/view';

/** Somebody has a stack of that name now: volumes that come from here on are his, also where he takes it down piece by piece. `owner`: the repository whose stack it is. */
export function forgetLeft(view: View, stack: string, owner: string | undefined): Action[] {
  const remembering = [...view.list('repository')].filter(({ Spec, Left }) => own(Left, stack) !== undefined && Spec.Name !== owner);
  return remembering.map(({ Left, ...rest }) => {
    const { [stack]: _gone, ...others } = Left ?? {};
    return update('repository', Object.keys(others).length === 0 ? rest : { ...rest, Left: others });
  });
}
