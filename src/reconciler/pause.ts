/** Why a step is not taken, though it is due: somebody suspended the stack, or its repository's file lets changes by hand stay. */
import type { View } from '#store/view';
import type { StackPolicy } from './rendered.ts';
import type { Step } from './step.ts';

/** `policy`: that of the stack, as the commit has it. */
export function pauseOf(view: View, step: Step, policy: StackPolicy | undefined): 'suspended' | 'keeps drift' | undefined {
  if (view.byName('stack', step.name)?.Suspended !== undefined) return 'suspended';
  return step.type === 'apply' && step.drift && policy?.KeepsDrift === true ? 'keeps drift' : undefined;
}
