/** The services of a stack in waves: one comes when those before it are healthy. */
import type { ServiceSpec } from '#model/object/service-spec';
import { conditionOf, type ServiceMove, type Stack, type StackRollout, type StackSource } from '#model/object/stack';
import type { Overlay } from '#store/overlay';
import type { View } from '#store/view';
import type { UseCaseContext } from '../cluster.ts';
import { imageOf } from './image-digests.ts';
import { owned } from './inventory.ts';
import { newestRevision } from './revisions.ts';
import type { Changes } from './stack-objects.ts';
import { deployService, type DeployedService, type ServiceDeploy } from './stack-services.ts';

export interface Waves {
  /** Names of services that are due already. */
  first: readonly string[];
  /** Those of the waves after them, in their order. */
  others: readonly (readonly string[])[];
  /** At the end, what the version does not have is removed. */
  prunes: boolean;
  /** The next one comes; else those that are there are kept as they are. */
  goesOn: boolean;
  /** All that is there was found healthy: it is left as it is, for what was changed by hand is somebody else's affair, and waves come until one changes something. */
  healthy: boolean;
}

type WaveDeploy = Omit<ServiceDeploy, 'registryAuth'> & { authOf: (service: ServiceSpec) => string | undefined };

/** `left`: what is still to come. It is there until the last wave is found healthy, for only then is removed what goes. */
export function deployWaves(
  overlay: Overlay,
  specs: readonly ServiceSpec[],
  waves: Waves | undefined,
  { authOf, ...deploy }: WaveDeploy,
  context: UseCaseContext,
  changes: Changes,
): { services: DeployedService[]; left: Omit<StackRollout, 'Since'> | undefined } {
  const done = new Map<string, DeployedService>();
  const one = (spec: ServiceSpec): DeployedService => {
    const deployed = deployService(overlay, spec, { ...deploy, registryAuth: authOf(spec) }, context, changes);
    done.set(spec.Name, deployed);
    return deployed;
  };
  if (!waves) return { services: specs.map(one), left: undefined };
  const all = (names: readonly string[]): DeployedService[] => specs.filter(({ Name }) => names.includes(Name)).map(one);
  const before = waves.healthy ? [] : all(waves.first);
  let [changed, at] = [before.some(({ Change }) => Change !== 'unchanged'), 0];
  // That a wave changes nothing does not say that it is well: only who has seen that goes past it.
  while (waves.goesOn && !changed && at < waves.others.length && (waves.healthy || at === 0))
    changed = all(waves.others[at++] ?? []).some(({ Change }) => Change !== 'unchanged');
  const Left = waves.others.slice(at);
  const isOver = waves.goesOn && !changed && Left.length === 0 && (waves.healthy || !waves.prunes);
  // What waits stays as it is, and the stack's own.
  for (const { Name } of specs) if (!done.has(Name)) keep(overlay, Name, deploy, changes, done);
  const services = specs.flatMap(({ Name }) => done.get(Name) ?? []);
  return { services, left: isOver ? undefined : { Left, Prunes: waves.prunes } };
}

function keep(overlay: Overlay, name: string, { rights }: Pick<WaveDeploy, 'rights'>, changes: Changes, done: Map<string, DeployedService>): void {
  const service = overlay.byName('service', name);
  if (!service || rights('service', service) !== 'own') return;
  changes.owned.push(owned('service', service));
  done.set(name, { ID: service.ID, Name: name, SpecVersion: service.Shoal.SpecVersion, Image: imageOf(service.Spec), Change: 'unchanged' });
}

/** Whether the service that takes the place of another one is healthy where it is now, or is not wanted there any more. */
export function hasArrived(view: View, { Stack: name, To }: ServiceMove, source: StackSource): boolean {
  const stack = view.byName('stack', name);
  if (view.byName('service', To) && stack?.Services.includes(To)) return newestRevision(view, name)?.Outcome.State === 'good';
  // A stack that is not there is still to come while its repository is not as its commit wants it.
  if (!stack) return source.Kind === 'repository' && view.byName('repository', source.Repository)?.Status.State === 'synced';
  return stack.Quarantine === undefined && conditionOf(stack).State === 'applied';
}

/** Whether all of the version at hand is there, and what leaves with it waits for other stacks alone. */
export function waitsForMoves(view: View, { Rollout, Source }: Stack): boolean {
  return Rollout?.Left.length === 0 && Rollout.Moves?.some((move) => !hasArrived(view, move, Source)) === true;
}
