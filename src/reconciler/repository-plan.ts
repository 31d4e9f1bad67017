/** What a commit would do to its repository's stacks, object by object. Deciding never writes. */
import type { PlannedStack, RepositoryPlan } from '#model/difference/stack-plan';
import type { View } from '#store/view';
import { planDeploy } from './deploy-plan.ts';
import { planRepository, type PlanOptions } from './plan.ts';
import type { Step } from './step.ts';
import type { RenderedStack } from './rendered.ts';

export function planCommit(view: View, repository: string, stacks: readonly RenderedStack[], options: PlanOptions): RepositoryPlan {
  const steps = planRepository(view, repository, stacks, options);
  const names = [...new Set([...stacks.map(({ Name }) => Name), ...steps.map(({ name }) => name)])];
  const planned = names.map((name) => {
    const rendered = stacks.find(({ Name }) => Name === name);
    return plannedStack(
      view,
      name,
      steps.find((step) => step.name === name && !(step.type === 'apply' && step.restores)),
      rendered,
      options.now,
    );
  });
  return { repository, commit: options.commit, stacks: planned };
}

function plannedStack(view: View, name: string, step: Step | undefined, rendered: RenderedStack | undefined, now: number): PlannedStack {
  // What is refused already is no step, and no less refused.
  if (rendered && 'errors' in rendered) return { name, step: 'refuse', reason: '', errors: rendered.errors };
  if (!step) return { name, step: 'none', reason: '' };
  if (step.type === 'refuse') return { name, step: 'refuse', reason: '', errors: step.errors };
  if (step.type === 'remove') return { name, step: 'remove', reason: step.reason };
  const foreign = step.type === 'hold' && step.foreign;

  const changes = rendered && 'spec' in rendered && !foreign ? planDeploy(view, rendered.spec, { prune: true, source: step.source }, now).changes : [];
  const reason = step.type === 'apply' && step.changes.length > 0 ? '' : step.reason;
  // What waits for others is applied as well, after them.
  return { name, step: step.type === 'wait' ? 'apply' : step.type, reason, changes: changes.filter(({ change }) => change !== 'none') };
}
