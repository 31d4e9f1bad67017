/** The images of a repository's stacks: each revision gets the digests behind its tags once, and who follows a tag gets what it means at each look. */
import { createHash } from 'node:crypto';
import type { Logger } from '#base/logger';
import type { Cluster } from '#control/cluster';
import { imageOf, imagesOf, servicesToAsk, withDigests, type AskRegistries, type Told } from '#control/stack/image-digests';
import type { StackSpec } from '#model/object/stack';
import { followsImage } from '#model/options/service-options';
import type { RenderedStack } from '#reconciler/rendered';

export interface ImageTagsParts {
  cluster: Cluster;
  registries?: { ask: AskRegistries };
  logger: Logger;
}

export class ImageTags {
  readonly #parts: ImageTagsParts;
  /** What was told last: it holds while a registry is away. */
  #told: Told = new Map();

  constructor(parts: ImageTagsParts) {
    this.#parts = parts;
  }

  follows(stacks: readonly RenderedStack[]): boolean {
    return this.#parts.registries !== undefined && stacks.some((stack) => 'spec' in stack && followers(stack.spec).size > 0);
  }

  /** The stacks with what their followed tags mean; another meaning is another version of the stack. `anew`: registries are asked. */
  async followed(stacks: readonly RenderedStack[], anew: boolean): Promise<readonly RenderedStack[]> {
    const { registries, logger } = this.#parts;
    const images = [...new Set(stacks.flatMap((stack) => ('spec' in stack ? imagesOf(stack.spec, followers(stack.spec)) : [])))];
    if (!registries || images.length === 0) return stacks;
    if (anew || images.some((image) => !this.#told.has(image))) {
      const told = await registries.ask(images, {});
      for (const image of images) if (!told.has(image)) logger.warn({ image }, 'no registry tells what the tag means now: what it meant last stays in force');
      this.#told = new Map([...this.#told, ...told].filter(([image]) => images.includes(image)));
    }
    return stacks.map((stack) => this.#resolved(stack));
  }

  #resolved(stack: RenderedStack): RenderedStack {
    if (!('spec' in stack)) return stack;
    const names = followers(stack.spec);
    const known = new Set([...names].filter((name) => this.#told.has(imageNamed(stack.spec, name))));
    if (known.size === 0) return stack;
    const { spec } = withDigests(stack.spec, known, this.#told);
    const digests = spec.Services.filter(({ Name }) => known.has(Name)).map(imageOf);
    const digest = `sha256:${createHash('sha256')
      .update(JSON.stringify([stack.digest, digests]))
      .digest('hex')}`;
    return { ...stack, spec, digest };
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

function followers({ Services }: StackSpec): ReadonlySet<string> {
  return new Set(Services.filter(({ Labels }) => followsImage(Labels)).map(({ Name }) => Name));
}

function imageNamed({ Services }: StackSpec, name: string): string {
  const spec = Services.find(({ Name }) => Name === name);
  return spec ? imageOf(spec) : '';
}
