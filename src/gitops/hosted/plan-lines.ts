/** What a commit would do, in lines for a terminal. */
import type { Step } from '#reconciler/step';
import type { RenderedStack } from '#reconciler/rendered';

const words = { hold: 'held', remove: 'removed', wait: 'waits', leave: 'leaves', return: 'stays' } as const;

/** Every reason why a commit, or a stack of it, is refused; each once. */
export function errorsOf(stacks: readonly RenderedStack[], steps: readonly Step[]): string[] {
  const rendered = stacks.flatMap((stack) => ('errors' in stack ? stack.errors : []));
  const planned = steps.flatMap((step) => (step.type === 'refuse' ? step.errors : []));
  return [...new Set([...rendered, ...planned])];
}

export function planLines(steps: readonly Step[]): string[] {
  const lines = steps.filter(({ type }) => type !== 'refuse').flatMap(stepLines);
  return lines.length > 0 ? lines : ['nothing changes'];
}

function stepLines(step: Step): string[] {
  if (step.type === 'refuse') return step.errors.map((error) => `stack ${step.name}: refused: ${error}`);
  if (step.type !== 'apply') return [`stack ${step.name}: ${words[step.type]}: ${step.reason}`];
  if (step.changes.length === 0 || step.reason === 'new in the repository') return [`stack ${step.name}: ${step.reason}`];
  return [`stack ${step.name}:`, ...step.changes.map((change) => `  ${change}`)];
}
