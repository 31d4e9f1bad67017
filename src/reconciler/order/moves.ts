/** Services that a commit moves from one stack to another: the new one is another service, and the old one goes when that is healthy. */
import { inventoryOf } from '#control/stack/inventory';
import { standsInTheWay } from '#control/stack/stack-services';
import type { ServiceMove } from '#model/object/stack';
import type { View } from '#store/view';
import type { RenderedStack } from '../rendered.ts';
import type { AppliedStack } from '../step.ts';
import { takesName } from './needs.ts';

/** The stacks, each with those of its services that another one has from this commit on. */
export function withMoves(view: View, stacks: readonly RenderedStack[]): readonly RenderedStack[] {
  let arriving: ReadonlyMap<string, readonly Arrival[]> | undefined;
  return stacks.map((stack) => {
    const leaving = leavingOf(view, stack);
    if (leaving.length === 0) return stack;
    arriving ??= arrivalsIn(view, stacks);
    const owner = view.byName('stack', stack.Name);
    const Moves = leaving.flatMap((name): ServiceMove[] => {
      const gone = view.byName('service', name);
      const found = arriving?.get(shortName(name, stack.Name))?.find((each) => each.rendered.Name !== stack.Name);
      // Where both cannot run, the new one waits for the old one.
      return gone && owner && found && !takesName(view, owner, [found.rendered]) && !standsInTheWay(view, gone, [found.spec])
        ? [{ From: name, Stack: found.rendered.Name, To: found.spec.Name }]
        : [];
    });
    return Moves.length > 0 ? { ...stack, Moves } : stack;
  });
}

/** Stacks that come in one entry, each with those of its services that cannot wait for the others to be well: one of them gets a port or a volume of theirs. */
export function withYields(view: View, stacks: readonly RenderedStack[]): readonly RenderedStack[] {
  let coming: readonly { of: string; services: AppliedStack['spec']['Services'] }[] | undefined;
  return stacks.map((stack) => {
    const leaving = leavingOf(view, stack);
    if (leaving.length === 0) return stack;
    coming ??= stacks.flatMap((each) => ('spec' in each && !isAsItWas(view, each) ? [{ of: each.Name, services: each.spec.Services }] : []));
    const others = coming.filter(({ of }) => of !== stack.Name).flatMap(({ services }) => services);
    const Yields = leaving.filter((name) => {
      const gone = view.byName('service', name);
      return gone !== undefined && standsInTheWay(view, gone, others);
    });
    return Yields.length > 0 ? { ...stack, Yields } : stack;
  });
}

function isAsItWas(view: View, { Name, digest }: AppliedStack): boolean {
  return view.byName('stack', Name)?.Digest === digest;
}

interface Arrival {
  rendered: RenderedStack;
  spec: AppliedStack['spec']['Services'][number];
}

/** Names of services that a new version of the stack does not have. */
function leavingOf(view: View, rendered: RenderedStack): string[] {
  const stack = view.byName('stack', rendered.Name);
  if (!stack || !('spec' in rendered) || isAsItWas(view, rendered)) return [];
  const names = new Set(rendered.spec.Services.map(({ Name }) => Name));
  return inventoryOf(view, stack).flatMap(({ Kind, Name }) => (Kind === 'service' && !names.has(Name) ? [Name] : []));
}

/** Services that are not there yet, by what their files call them. */
function arrivalsIn(view: View, stacks: readonly RenderedStack[]): ReadonlyMap<string, readonly Arrival[]> {
  const found = new Map<string, Arrival[]>();
  for (const stack of stacks) {
    for (const spec of 'spec' in stack ? stack.spec.Services : []) {
      if (view.byName('service', spec.Name)) continue;
      const name = shortName(spec.Name, stack.Name);
      found.set(name, [...(found.get(name) ?? []), { rendered: stack, spec }]);
    }
  }
  return found;
}

function shortName(name: string, stack: string): string {
  return name.startsWith(`${stack}_`) ? name.slice(stack.length + 1) : name;
}
