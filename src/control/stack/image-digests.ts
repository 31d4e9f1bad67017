/** Which of a stack's images a registry is asked for, and the stack with what was told: once for each revision of a service. */
import { isFixedImage, isPinned, normalImage, withoutDigest } from '#model/image/image-reference';
import { digestWarning, withDigest, type Distribution, type ResolveImages } from '#model/image/image-pin';
import { imageLabel } from '#model/object/meta';
import type { ServiceSpec } from '#model/object/service-spec';
import type { Stack, StackSpec } from '#model/object/stack';
import { followsImage } from '#model/options/service-options';
import type { View } from '#store/view';

/** What registries told: image as the spec writes it → digest and platforms; absent where one told nothing. */
export type Told = ReadonlyMap<string, Distribution>;

/** Asks registries for images, with the credentials (X-Registry-Auth) for each that there are any for. Never rejects: what is not told is missing from the answer. */
export type AskRegistries = (images: readonly string[], auths: Readonly<Record<string, string>>) => Promise<Told>;

/** Policies by which a node's own image counts, whatever a registry has. */
const ownImage: ReadonlySet<string> = new Set(['never', 'missing', 'if_not_present', 'build']);

/** Names of the services whose images are asked for. `follows`: those that follow their tag are asked for whenever this is. */
export function servicesToAsk(view: View, { Name, Services }: StackSpec, when: ResolveImages, follows = false): ReadonlySet<string> {
  if (when === 'never') return new Set();
  const stack = view.byName('stack', Name);
  const asked = Services.filter((spec) => isAskable(spec) && (when === 'always' || (follows && followsImage(spec.Labels)) || isNew(view, stack, spec)));
  return new Set(asked.map((spec) => spec.Name));
}

export function imageOf(spec: ServiceSpec): string {
  return spec.TaskTemplate.ContainerSpec?.Image ?? '';
}

/** Images of these services, each once. */
export function imagesOf({ Services }: StackSpec, names: ReadonlySet<string>): readonly string[] {
  return [...new Set(Services.filter(({ Name }) => names.has(Name)).map(imageOf))];
}

/** The stack with digests in those services, and which images were not told. */
export function withDigests(stack: StackSpec, names: ReadonlySet<string>, told: Told): { spec: StackSpec; untold: readonly string[] } {
  const untold = imagesOf(stack, names).filter((image) => !told.has(image));
  const Services = stack.Services.map((spec) => {
    const answer = names.has(spec.Name) ? told.get(imageOf(spec)) : undefined;
    return answer ? withDigest(spec, answer) : spec;
  });
  return { spec: { ...stack, Services }, untold };
}

export function untoldWarnings(untold: readonly string[]): readonly string[] {
  return untold.map(digestWarning);
}

/** The image that the service had under this very text, with its digest: as it runs, or as the stack's record holds it for who changed it by hand. */
export function pinnedBefore(stack: Stack | undefined, wanted: ServiceSpec, current: ServiceSpec | undefined): string | undefined {
  const sameText = current !== undefined && wanted.Labels?.[imageLabel] === current.Labels?.[imageLabel];
  const candidates = [stack?.Images?.[wanted.Name], sameText ? imageOf(current) : undefined];
  return candidates.find((candidate) => candidate !== undefined && isPinned(candidate, imageOf(wanted)));
}

function isAskable(spec: ServiceSpec): boolean {
  const image = imageOf(spec);
  return image !== '' && !isFixedImage(image) && !ownImage.has(spec.TaskTemplate.ContainerSpec?.Shoal?.PullPolicy ?? '');
}

/** Nobody has asked for this text before: a deploy that repeats it changes nothing, whatever its tag means now. */
function isNew(view: View, stack: Stack | undefined, spec: ServiceSpec): boolean {
  const current = view.byName('service', spec.Name)?.Spec;
  if (pinnedBefore(stack, spec, current) !== undefined) return false;
  if (!current) return true;
  const [wanted, running] = [spec, current].map((each) => each.Labels?.[imageLabel] ?? normalImage(withoutDigest(imageOf(each))));
  return wanted !== running;
}
