/** All that a version comes to in the end, with what comes when the rest of it is healthy. */
import type { UseCaseContext } from '#control/cluster';
import { deployStack, type DeployOptions } from '#control/stack/stacks';
import type { StackSpec } from '#model/object/stack';
import { update, type Action } from '#store/action';
import { Overlay } from '#store/overlay';
import type { View } from '#store/view';

/** `first`: what is written at once; the very same where nothing comes later. */
export function wholeActions(view: View, spec: StackSpec, options: DeployOptions, first: readonly Action[], context: UseCaseContext): readonly Action[] {
  if (first.length === 0) return first;
  const after = new Overlay(view);
  after.lay(first);
  for (;;) {
    const stack = after.byName('stack', spec.Name);
    if (!stack?.Rollout) return after.actions.length === first.length ? first : after.actions;
    // What waits for other stacks goes as well.
    const { Moves, ...Rollout } = stack.Rollout;
    if (Moves) after.lay([update('stack', { ...stack, Rollout })]);
    const { source, digest = stack.Digest } = options;
    const next = deployStack(spec, { source, digest, prune: stack.Rollout.Prunes, advances: true })(after, context).actions;
    if (next.length === 0) return after.actions.length === first.length ? first : after.actions;
    after.lay(next);
  }
}
