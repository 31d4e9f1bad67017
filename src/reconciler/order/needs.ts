/** What the stacks of a commit need of one another before they can come. */
import type { ServiceSpec } from '#model/object/service-spec';
import { inventoryOf } from '#control/stack/inventory';
import { protocolOf } from '#model/port/port';
import type { Stack } from '#model/object/stack';
import type { View } from '#store/view';
import type { RenderedStack } from '../rendered.ts';
import type { AppliedStack } from '../step.ts';
import { circlesOf } from './circles.ts';

/** Stack → stacks of the commit that make what it has from outside (networks, secrets, configs and volumes), or give up a port that it publishes. Where two need each other, neither comes first. `asked`: those whose needs have to be known; absent: all of them. */
export function neededFrom(view: View, stacks: readonly RenderedStack[], asked = stacks): ReadonlyMap<string, readonly string[]> {
  // A few that have all of their own: nobody need be asked what he makes.
  if (asked.every((stack) => usedBy(stack).length === 0)) return new Map();
  const makers = new Map<string, string>();
  for (const stack of stacks) for (const made of [...madeBy(stack), ...givenUpBy(view, stack)]) if (!makers.has(made)) makers.set(made, stack.Name);
  const needs = new Map<string, readonly string[]>();
  for (const stack of stacks) {
    const from = usedBy(stack).flatMap((used) => makers.get(used) ?? []);
    needs.set(
      stack.Name,
      [...new Set(from)].filter((name) => name !== stack.Name),
    );
  }
  if ([...needs.values()].every((from) => from.length === 0)) return needs;
  const said = new Map(stacks.map(({ Name, Policy }) => [Name, Policy?.After ?? []]));
  const circles = circlesOf(said.keys(), (name) => [...(said.get(name) ?? []), ...(needs.get(name) ?? [])]);
  return new Map([...needs].map(([name, from]) => [name, from.filter((each) => !circles.get(name)?.has(each))]));
}

/** Their names, each behind those that it needs something of. */
export function makersFirst(view: View, stacks: readonly RenderedStack[]): string[] {
  const needs = neededFrom(view, stacks);
  const left = new Set(stacks.map(({ Name }) => Name));
  const sorted: string[] = [];
  // Circles are none (`neededFrom`), so that each round takes one at least.
  while (left.size > 0)
    for (const name of left) {
      if (needs.get(name)?.some((other) => left.has(other))) continue;
      sorted.push(name);
      left.delete(name);
    }
  return sorted;
}

/** Whether something that comes is to make a network, a secret or a config under a name that the stack's own has, and that only one may have. */
export function takesName(view: View, owner: Stack, coming: readonly RenderedStack[]): boolean {
  const own = new Set(inventoryOf(view, owner).map(({ Kind, Name }) => `${Kind} ${Name}`));
  return coming.some((stack) => stack.Name !== owner.Spec.Name && madeBy(stack).some((made) => own.has(made)));
}

/** Of stacks that are refused as things stand: those of the commit that have now what such a one makes or publishes, and give it up, and stacks that are on their way out (`leaving`) and have it. */
export function holdersOf(view: View, stacks: readonly RenderedStack[], leaving: readonly Stack[]): (refused: RenderedStack) => readonly string[] {
  const holders = new Map<string, string>();
  for (const stack of stacks) {
    const record = 'spec' in stack ? view.byName('stack', stack.Name) : undefined;
    const wanted = new Set(record && [...madeBy(stack), ...publishedBy(stack)]);
    for (const held of record ? heldNow(view, record) : []) if (!wanted.has(held)) holders.set(held, stack.Name);
  }
  for (const stack of leaving) for (const held of heldNow(view, stack)) holders.set(held, stack.Spec.Name);
  return (stack) => [...new Set([...madeBy(stack), ...publishedBy(stack)].flatMap((made) => holders.get(made) ?? []))].filter((name) => name !== stack.Name);
}

/** Those of the stacks that want a published port of one another in a circle: in no order could they come one by one. */
export function portCircles(view: View, stacks: readonly RenderedStack[]): ReadonlySet<ReadonlySet<string>> {
  const givers = new Map(stacks.flatMap((stack) => givenUpBy(view, stack).map((port) => [port, stack.Name] as const)));
  const wants = new Map(stacks.map((stack) => [stack.Name, publishedBy(stack).flatMap((port) => givers.get(port) ?? [])]));
  return new Set(circlesOf(wants.keys(), (name) => wants.get(name) ?? []).values());
}

function heldNow(view: View, stack: Stack): string[] {
  return [...inventoryOf(view, stack).map(({ Kind, Name }) => `${Kind} ${Name}`), ...livePorts(view, stack)];
}

/** Published ports that it has and does not want any more. */
function givenUpBy(view: View, stack: RenderedStack): string[] {
  if (!('spec' in stack)) return [];
  const wanted = new Set(publishedBy(stack));
  return livePorts(view, view.byName('stack', stack.Name)).filter((port) => !wanted.has(port));
}

function livePorts(view: View, stack: Stack | undefined): string[] {
  return (stack?.Services ?? []).flatMap((name) => view.byName('service', name) ?? []).flatMap(({ Spec }) => portsOf(Spec));
}

function publishedBy(stack: RenderedStack): string[] {
  return 'spec' in stack ? stack.spec.Services.flatMap(portsOf) : [];
}

function portsOf({ EndpointSpec }: ServiceSpec): string[] {
  return (EndpointSpec?.Ports ?? []).flatMap((port) => (port.PublishedPort ? [`port ${port.PublishedPort}/${protocolOf(port)}`] : []));
}

/** By names that others may call them by: those with a version are the stack's own affair. */
function madeBy(stack: RenderedStack): string[] {
  if (!('spec' in stack)) return [];
  const { Networks, Secrets, Configs, Versioned } = stack.spec;
  const plain = (names: readonly string[] | undefined, { Name }: { Name: string }): boolean => names?.includes(Name) !== true;
  return [
    ...Networks.map(({ Name }) => `network ${Name}`),
    ...Secrets.filter((each) => plain(Versioned?.Secrets, each)).map(({ Name }) => `secret ${Name}`),
    ...Configs.filter((each) => plain(Versioned?.Configs, each)).map(({ Name }) => `config ${Name}`),
    ...volumesIn(stack).filter((volume) => volume.startsWith(`volume ${stack.Name}_`)),
  ];
}

function usedBy(stack: RenderedStack): string[] {
  if (!('spec' in stack)) return [];
  const { Networks, Secrets, Configs } = stack.spec.External;
  return [
    ...Networks.map((name) => `network ${name}`),
    ...Secrets.map((name) => `secret ${name}`),
    ...Configs.map((name) => `config ${name}`),
    ...volumesIn(stack),
    ...stack.spec.Services.flatMap(portsOf),
  ];
}

function volumesIn(stack: AppliedStack): string[] {
  const mounts = stack.spec.Services.flatMap(({ TaskTemplate }) => TaskTemplate.ContainerSpec?.Mounts ?? []);
  return mounts.flatMap(({ Type, Source }) => (Type === 'volume' && Source ? [`volume ${Source}`] : []));
}
