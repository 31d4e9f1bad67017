/** Use cases of stacks: everything under one name, in one call. */
import { createHash } from 'node:crypto';
import { timeText } from '#base/clock';
import { equal } from '#base/equal';
import { Refusal } from '#base/refusal';
import { compareTexts } from '#base/text';
import type { Stack, StackCondition, StackSource, StackSpec } from '#model/stack';
import { create, newMeta, remove, update } from '#store/action';
import { Overlay } from '#store/overlay';
import type { View } from '#store/view';
import type { UseCase, UseCaseContext } from '../cluster.ts';
import { checkExternal, deployFile, deployNetwork, dropUnused, objectsOfStack, type Changes, type StackObject } from './stack-objects.ts';
import { checkStackPorts, deployService, isRepeated, pruneServices, type DeployedService } from './stack-services.ts';
import { servicesUsing } from '../users.ts';

/** What a deploy did. */
export interface StackDeployment {
  Name: string;
  /** False: the store held all of it already and nothing was written. */
  Changed: boolean;
  Services: readonly DeployedService[];
  Created: readonly StackObject[];
  Updated: readonly StackObject[];
  Removed: readonly StackObject[];
}

export interface DeployOptions {
  source: StackSource;
  /** Of the rendered spec; kept on the stack's record. Made from the spec when absent. */
  digest?: string;
  /** Remove services that the spec no longer names. */
  prune: boolean;
  /** X-Registry-Auth by image, as the spec writes the image. */
  registryAuth?: Readonly<Record<string, string>>;
}

/** Makes the cluster hold the stack. Only what differs is written; nothing differs: no actions. */
export function deployStack(spec: StackSpec, options: DeployOptions): UseCase<StackDeployment> {
  return (view, context) => {
    checkStackName(spec.Name);
    const stack = view.byName('stack', spec.Name);
    checkOwner(stack, options.source);
    const digest = options.digest ?? digestOf(spec);
    const overlay = new Overlay(view);
    const changes: Changes = { created: [], updated: [], removed: [] };
    checkExternal(view, spec.External);
    // Services go first so that their names, ports and objects are free for what comes.
    if (options.prune) pruneServices(overlay, spec.Name, new Set(spec.Services.map((service) => service.Name)), changes);
    for (const network of spec.Networks) deployNetwork(overlay, network, spec.Name, context, changes);
    for (const secret of spec.Secrets) deployFile(overlay, 'secret', secret, spec.Name, context, changes);
    for (const config of spec.Configs) deployFile(overlay, 'config', config, spec.Name, context, changes);
    const repeated = isRepeated(stack, options.source, digest);
    const services = spec.Services.map((service) => {
      const registryAuth = options.registryAuth?.[service.TaskTemplate.ContainerSpec?.Image ?? ''];
      return deployService(overlay, service, { stack: spec.Name, registryAuth, repeated }, context, changes);
    });
    checkStackPorts(overlay, services);
    dropUnused(overlay, spec.Name, spec, changes);
    recordStack(overlay, stack, { name: spec.Name, services, digest, source: options.source }, context);
    const result = {
      Name: spec.Name,
      Changed: overlay.actions.length > 0,
      Services: services,
      Created: changes.created,
      Updated: changes.updated,
      Removed: changes.removed,
    };
    return { actions: overlay.actions, result };
  };
}

/** Removes all that carries the stack's label, and its record. */
export function removeStack(name: string): UseCase<{ Removed: readonly StackObject[] }> {
  return (view) => {
    const stack = view.byName('stack', name);
    const overlay = new Overlay(view);
    const removed: StackObject[] = [];
    for (const kind of ['service', 'secret', 'config', 'network'] as const) {
      const objects = objectsOfStack(view, kind, name).toSorted((a, b) => compareTexts(a.Spec.Name, b.Spec.Name));
      for (const object of objects) {
        if (kind !== 'service') checkUnused(overlay, kind, object);
        overlay.lay([remove(kind, object.ID)]);
        removed.push({ Kind: kind, Name: object.Spec.Name });
      }
    }
    if (stack) overlay.lay([remove('stack', stack.ID)]);
    if (overlay.actions.length === 0) throw new Refusal('notFound', `Nothing found in stack: ${name}`, { plain: true });
    return { actions: overlay.actions, result: { Removed: removed } };
  };
}

/** Whether another repository has this stack: it is not ours to say anything about. */
export function belongsToAnother(stack: Stack | undefined, repository: string): boolean {
  return stack !== undefined && stack.Digest !== '' && stack.Source.Kind === 'repository' && stack.Source.Repository !== repository;
}

/** Notes the outcome of a reconcile; a folder that was refused before it was ever applied gets a record of its own. */
export function setStackCondition(name: string, condition: StackCondition, source: StackSource): UseCase<void> {
  return (view, { newId }) => {
    checkStackName(name);
    const stack = view.byName('stack', name);
    if (!stack) {
      const record = { ...newMeta(newId()), Spec: { Name: name }, Source: source, Digest: '', Services: [], Condition: condition };
      return { actions: [create('stack', record)], result: undefined };
    }
    const unchanged = sameCondition(stack.Condition, condition);
    return { actions: unchanged ? [] : [update('stack', { ...stack, Condition: condition })], result: undefined };
  };
}

/** Quotes and blanks alone are no name (docker/cli stack commands). */
function checkStackName(name: string): void {
  if (name.replace(/^[\s'"]+|[\s'"]+$/g, '') === '') {
    throw new Refusal('invalidArgument', `invalid stack name: "${name}"`, { plain: true });
  }
}

/** Two repositories must not fight over one stack. */
function checkOwner(stack: Stack | undefined, source: StackSource): void {
  if (!stack || source.Kind !== 'repository' || stack.Source.Kind !== 'repository' || !belongsToAnother(stack, source.Repository)) return;
  throw new Refusal(
    'failedPrecondition',
    `stack ${stack.Spec.Name} belongs to ${stack.Source.Path} of repository ${stack.Source.Repository}; give this one another name`,
  );
}

interface Outcome {
  name: string;
  services: readonly DeployedService[];
  digest: string;
  source: StackSource;
}

/** Writes the stack's record if it says something new. The commit alone is nothing new. */
function recordStack(overlay: Overlay, stack: Stack | undefined, outcome: Outcome, context: UseCaseContext): void {
  const Services = outcome.services.map((service) => service.Name).toSorted();
  const Condition: StackCondition = { State: 'applied', Message: '', Since: timeText(context.now) };
  // A deploy by hand does not take a stack away from its repository, which will bring its own version back.
  const keepsOwner = stack?.Source.Kind === 'repository' && stack.Digest !== '' && outcome.source.Kind === 'deploy';
  const Source = keepsOwner ? stack.Source : outcome.source;
  const fields = { Spec: { Name: outcome.name }, Source, Digest: outcome.digest, Services, Condition };
  if (!stack) {
    overlay.lay([create('stack', { ...newMeta(context.newId()), ...fields })]);
    return;
  }
  const unchanged =
    overlay.actions.length === 0 &&
    stack.Digest === outcome.digest &&
    equal(stack.Services, Services) &&
    equal({ ...stack.Source, Commit: '' }, { ...Source, Commit: '' }) &&
    sameCondition(stack.Condition, Condition);
  if (!unchanged) overlay.lay([update('stack', { ...stack, ...fields })]);
}

function sameCondition(a: StackCondition, b: StackCondition): boolean {
  return equal({ ...a, Since: '' }, { ...b, Since: '' });
}

function digestOf(spec: StackSpec): string {
  return `sha256:${createHash('sha256').update(JSON.stringify(spec)).digest('hex')}`;
}

function checkUnused(view: View, kind: 'secret' | 'config' | 'network', object: { ID: string; Spec: { Name: string } }): void {
  const users = servicesUsing(view, object.ID).map((service) => service.Spec.Name);
  if (users.length === 0) return;
  const services = users.length === 1 ? 'service' : 'services';
  throw new Refusal('failedPrecondition', `${kind} '${object.Spec.Name}' is in use by the following ${services}: ${users.join(', ')}`);
}
