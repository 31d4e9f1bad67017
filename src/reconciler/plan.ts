/** What must happen so that the cluster equals a commit: one step a stack, none for those that are as wanted. */
import { seededRandom } from '#base/random';
import { Refusal } from '#base/refusal';
import { comparable } from '#model/spec-compare';
import { belongsToAnother, deployStack } from '#control/stack/stacks';
import type { Service } from '#model/service';
import type { Stack, StackSource } from '#model/stack';
import type { Action } from '#store/action';
import type { View } from '#store/view';
import { differences, type NameOf } from './differences.ts';
import type { RenderedStack } from './rendered.ts';

export type Step =
  | { type: 'apply'; name: string; rendered: RenderedStack & { digest: string }; source: StackSource; /** Why, for people. */ reason: string; drift: boolean }
  | {
      type: 'refuse';
      name: string;
      source: StackSource;
      commit: string;
      errors: readonly string[];
      /** The stack itself is another repository's and stays as it is. */ foreign: boolean;
    }
  | { type: 'remove'; name: string; reason: string };

export interface PlanOptions {
  now: number;
  /** Stacks that were in order when we last looked: one of them that is gone was removed by hand. */
  inForce: ReadonlySet<string>;
}

/**
 * Plans one repository. Stacks that another owner has are refused; a stack of the repository whose folder is gone is removed.
 * Deciding never writes: a deploy is tried on the view and its actions are thrown away.
 */
export function planRepository(view: View, repository: string, rendered: readonly RenderedStack[], { now, inForce }: PlanOptions): Step[] {
  const steps = rendered.flatMap((stack) => planStack(view, repository, stack, { now, inForce }));
  const present = new Set(rendered.map((stack) => stack.Name));
  const gone = [...view.list('stack')].filter((stack) => isOwned(stack, repository) && !present.has(stack.Spec.Name));
  return [
    ...steps,
    ...gone.map((stack): Step => ({ type: 'remove', name: stack.Spec.Name, reason: `${pathOf(stack)} is no longer in repository ${repository}` })),
  ];
}

function planStack(view: View, repository: string, rendered: RenderedStack, { now, inForce }: PlanOptions): Step[] {
  const source: StackSource = { Kind: 'repository', Repository: repository, Path: rendered.Path, Commit: rendered.Commit };
  const stack = view.byName('stack', rendered.Name);
  const refuse = (errors: readonly string[]): Step[] => {
    const said = stack?.Condition;
    const foreign = belongsToAnother(stack, repository);
    const noted = foreign ? view.byName('repository', repository)?.Status.Refused?.[rendered.Name] : said?.Errors;
    const known = (foreign || (said?.State === 'refused' && said.Commit === rendered.Commit)) && JSON.stringify(noted) === JSON.stringify(errors);
    return known ? [] : [{ type: 'refuse', name: rendered.Name, source, commit: rendered.Commit, errors, foreign }];
  };
  if ('errors' in rendered) return refuse(rendered.errors);
  try {
    const random = seededRandom(1);
    let count = 0;
    const context = { now, random, newId: () => `planned${(count += 1)}` };
    const { actions } = deployStack(rendered.spec, { source, digest: rendered.digest, prune: true })(view, context);
    if (actions.length === 0) return [];
    const removed = !stack && inForce.has(rendered.Name);
    const drift = removed || (stack?.Digest === rendered.digest && stack.Condition.State === 'applied' && isOwned(stack, repository));
    return [{ type: 'apply', name: rendered.Name, rendered, source, reason: removed ? 'removed by hand' : reasonOf(view, actions, stack, drift), drift }];
  } catch (error) {
    if (error instanceof Refusal) return refuse([`${rendered.Path}: ${error.message}`]);
    throw error;
  }
}

function reasonOf(view: View, actions: readonly Action[], stack: Stack | undefined, drift: boolean): string {
  const made = new Map(
    actions.flatMap((action) => (action.type === 'create' && action.kind === 'network' ? [[action.object.ID, action.object.Spec.Name]] : [])),
  );
  const nameOfNetwork = (id: string) => made.get(id) ?? view.get('network', id)?.Spec.Name ?? id;
  const missing = drift ? actions.flatMap(missingObject) : [];
  const changes = [...missing, ...actions.flatMap((action) => changeOf(view, action, nameOfNetwork))];
  if (!stack || stack.Digest === '') return 'new in the repository';
  if (changes.length === 0) return stack.Condition.State === 'applied' ? 'its record changes' : 'it is in order again';
  return drift ? `changed by hand: ${changes.join('; ')}` : changes.join('; ');
}

/** Of a stack that was in order, an object that must be made is one that somebody removed. */
function missingObject(action: Action): string[] {
  if (action.type !== 'create' || (action.kind !== 'network' && action.kind !== 'secret' && action.kind !== 'config')) return [];
  return [`${action.kind} ${action.object.Spec.Name} is missing`];
}

/** What a service's action changes, seen from the service as it is. */
function changeOf(view: View, action: Action, nameOfNetwork: NameOf): string[] {
  if (action.type === 'remove') return action.kind === 'service' ? [`${view.get('service', action.id)?.Spec.Name ?? action.id} is not wanted`] : [];
  if (action.kind !== 'service') return [];
  const service = action.object;
  const live: Service | undefined = view.get('service', service.ID);
  if (!live) return [`${service.Spec.Name} is missing`];
  return differences(comparable(live.Spec), comparable(service.Spec), nameOfNetwork).map((line) => `${service.Spec.Name} ${line}`);
}

export function isOwned(stack: Stack, repository: string): boolean {
  return stack.Source.Kind === 'repository' && stack.Source.Repository === repository;
}

function pathOf(stack: Stack): string {
  return stack.Source.Kind === 'repository' ? stack.Source.Path : stack.Spec.Name;
}
