/** The images of a repository's stacks: each revision gets the digests behind its tags once, and who follows a tag gets what it means at each look. */
import { createHash } from 'node:crypto';
import type { Logger } from '#base/logger';
import type { Cluster } from '#control/cluster';
import { imageOf, imagesOf, servicesToAsk, withDigests, type AskRegistries, type Told } from '#control/stack/image-digests';
import { revisionWithDigest } from '#control/stack/revisions';
import { isPinned } from '#model/image/image-reference';
import type { ServiceSpec } from '#model/object/service-spec';
import type { StackSpec } from '#model/object/stack';
import { followsImage } from '#model/options/service-options';
import type { RenderedStack } from '#reconciler/rendered';

export interface ImageTagsParts {
  cluster: Cluster;
  registries?: { ask: AskRegistries };
  logger: Logger;
}

type View = Awaited<ReturnType<Cluster['read']>>;

export class ImageTags {
  readonly #parts: ImageTagsParts;
  /** What was told last: it holds while a registry is away. Of what was told to somebody else the stack's own revision says what it was. */
  #told: Told = new Map();

  constructor(parts: ImageTagsParts) {
    this.#parts = parts;
  }

  follows(stacks: readonly RenderedStack[]): boolean {
    return this.#parts.registries !== undefined && stacks.some(isFollower);
  }

  /** The stacks with what their followed tags mean; another meaning is another version of the stack. `anew`: registries are asked. */
  async followed(stacks: readonly RenderedStack[], anew: boolean): Promise<readonly RenderedStack[]> {
    const { cluster, registries, logger } = this.#parts;
    const following = registries ? stacks.filter(isFollower) : [];
    const images = [...new Set(following.flatMap(({ spec }) => imagesOf(spec, followers(spec))))];
    if (!registries || images.length === 0) return stacks;
    const view = await cluster.read();
    const isOpen = (stack: RenderedStack): boolean => 'spec' in stack && this.#meanings(view, stack.spec).size < followers(stack.spec).size;
    if (anew || following.some(isOpen)) {
      const told = await registries.ask(images, {});
      for (const image of images) if (!told.has(image)) logger.warn({ image }, 'no registry tells what the tag means now: what it meant last stays in force');
      this.#told = new Map([...this.#told, ...told].filter(([image]) => images.includes(image)));
    }
    return stacks.map((stack) => this.#resolved(view, stack));
  }

  #resolved(view: View, stack: RenderedStack): RenderedStack {
    if (!('spec' in stack)) return stack;
    const meanings = this.#meanings(view, stack.spec);
    if (meanings.size === 0) return stack;
    const Services = stack.spec.Services.map((spec) => meanings.get(spec.Name) ?? spec);
    const digests = Services.filter(({ Name }) => meanings.has(Name)).map(imageOf);
    const digest = `sha256:${createHash('sha256')
      .update(JSON.stringify([stack.digest, digests]))
      .digest('hex')}`;
    return { ...stack, spec: { ...stack.spec, Services }, digest };
  }

  /** Name of a service → the service with what its tag meant last, as far as that is known. */
  #meanings(view: View, spec: StackSpec): ReadonlyMap<string, ServiceSpec> {
    const names = followers(spec);
    if (names.size === 0) return new Map();
    const { Services } = withDigests(spec, names, this.#told).spec;
    const before = meantBefore(view, spec.Name);
    const meanings = new Map<string, ServiceSpec>();
    for (const [at, asked] of spec.Services.entries()) {
      const told = Services[at];
      if (!names.has(asked.Name) || !told) continue;
      const meaning = told === asked ? withImageOf(asked, before.get(asked.Name)) : told;
      if (meaning) meanings.set(asked.Name, meaning);
    }
    return meanings;
  }

  /** The stack with digests for the images that are new in it. */
  async pinned(spec: StackSpec): Promise<StackSpec> {
    const { cluster, registries, logger } = this.#parts;
    const names = servicesToAsk(await cluster.read(), spec, 'changed');
    if (!registries || names.size === 0) return spec;
    const found = withDigests(spec, names, await registries.ask(imagesOf(spec, names), {}));
    for (const image of found.untold) {
      logger.warn({ stack: spec.Name, image }, 'no registry tells the digest of an image: each node pulls what the tag means to it');
    }
    return found.spec;
  }
}

/** A spec is never changed: most of a commit have been looked at with another one. */
const known = new WeakMap<StackSpec, ReadonlySet<string>>();

/** Names of services. */
function followers(spec: StackSpec): ReadonlySet<string> {
  const found = known.get(spec) ?? new Set(spec.Services.filter(({ Labels }) => followsImage(Labels)).map(({ Name }) => Name));
  known.set(spec, found);
  return found;
}

function isFollower(stack: RenderedStack): stack is Extract<RenderedStack, { spec: object }> {
  return 'spec' in stack && followers(stack.spec).size > 0;
}

/** The services of the version that was asked for last, also where it was given up: what its tags meant then holds until somebody says otherwise. */
function meantBefore(view: View, name: string): ReadonlyMap<string, ServiceSpec> {
  const stack = view.byName('stack', name);
  const version = stack && revisionWithDigest(view, name, stack.Quarantine?.Digest ?? stack.Digest);
  return new Map((version?.Spec.Content.Services ?? []).map((spec) => [spec.Name, spec]));
}

/** With the image and the platforms that were found for the same text before; undefined: it is another text. */
function withImageOf(asked: ServiceSpec, before: ServiceSpec | undefined): ServiceSpec | undefined {
  if (!before || !isPinned(imageOf(before), imageOf(asked))) return undefined;
  const { ContainerSpec, Placement } = asked.TaskTemplate;
  const Platforms = before.TaskTemplate.Placement?.Platforms;
  const place = Platforms ? { Placement: { ...Placement, Platforms } } : {};
  return { ...asked, TaskTemplate: { ...asked.TaskTemplate, ContainerSpec: { ...ContainerSpec, Image: imageOf(before) }, ...place } };
}
