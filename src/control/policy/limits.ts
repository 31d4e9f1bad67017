/** What a repository is held to once words of these kinds are said of it: the names of its stacks, the registries of their images, the ports that they publish, the nodes that they run on. */
import { isAllowed, isLimit, readAllowance, type AllowanceWord } from '#model/allowance';
import { constraintText } from '#model/constraint';
import { readImage } from '#model/image/image-reference';
import { dynamicPorts } from '#model/port/port';
import type { ServiceSpec } from '#model/object/service-spec';
import type { StackSpec } from '#model/object/stack';
import type { FieldNeed } from './container-needs.ts';

/** Of the kinds that `allowed` limits, all that the stack asks for. */
export function limitNeeds(spec: StackSpec, allowed: readonly string[]): FieldNeed[] {
  const kinds = new Set<AllowanceWord>(allowed.flatMap((text) => readAllowance(text)?.word ?? []).filter(isLimit));
  if (kinds.size === 0) return [];
  const services = spec.Services.flatMap((service) =>
    [...imageNeeds(service), ...portNeeds(service), nodeNeed(service, allowed)].map((field) => ({ ...field, what: `service ${service.Name}: ${field.what}` })),
  );
  const named: FieldNeed = { need: { word: 'stacks', value: spec.Name }, what: `a stack called ${spec.Name}` };
  return [named, ...services].filter(({ need }) => kinds.has(need.word));
}

/** A mount may be an image as well. */
function imageNeeds({ TaskTemplate: { ContainerSpec: { Image = '', Mounts = [] } = {} } }: ServiceSpec): FieldNeed[] {
  const mounted = Mounts.flatMap(({ Type, Source = '' }) => (Type === 'image' ? [Source] : []));
  return [Image, ...mounted].map((image) => {
    const parsed = readImage(image);
    // An id says nothing of where the image is from.
    const value = parsed ? `${parsed.registry}/${parsed.path}` : '*';
    return { need: { word: 'registries', value }, what: `image ${image}` };
  });
}

function portNeeds({ EndpointSpec }: ServiceSpec): FieldNeed[] {
  const { first, last } = dynamicPorts;
  return (EndpointSpec?.Ports ?? []).map(({ PublishedPort }) =>
    PublishedPort
      ? { need: { word: 'ports', value: String(PublishedPort) }, what: `published port ${PublishedPort}` }
      : { need: { word: 'ports', value: `${first}-${last}` }, what: 'a published port whose number the cluster chooses' },
  );
}

/** It has to say itself which nodes: one of the constraints is enough, for tasks run only where all hold. */
function nodeNeed({ TaskTemplate: { Placement } }: ServiceSpec, allowed: readonly string[]): FieldNeed {
  const own = (Placement?.Constraints ?? []).flatMap((each) => constraintText(each) ?? []);
  const value = own.find((each) => isAllowed({ word: 'nodes', value: each }, allowed)) ?? '*';
  return { need: { word: 'nodes', value }, what: 'nodes beyond those that one of its placement constraints would have to name' };
}
