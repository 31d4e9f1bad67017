/** Registries, asked by way of the engine: what is behind an image's tag. */
import { own } from '#base/text/own';
import Docker from 'dockerode';
import type { Distribution } from '#model/image/image-pin';
import { mapLimited } from './limiter.ts';

const askedAtOnce = 8;
/** A registry that says nothing for so long is as one that is down; and however many are asked, whoever asks, such as a leader that is to end, does not wait longer for all. */
const answerLimits = { oneMs: 15_000, allMs: 30_000 };

export class Registries {
  readonly #docker: Docker;
  readonly #limits: typeof answerLimits;

  constructor(socketPath: string, limits = answerLimits) {
    this.#docker = new Docker({ socketPath });
    this.#limits = limits;
  }

  /** Answers for those images that a registry tells of; `auths`: X-Registry-Auth by image. */
  async ask(images: readonly string[], auths: Readonly<Record<string, string>>): Promise<ReadonlyMap<string, Distribution>> {
    const told = new Map<string, Distribution>();
    const end = AbortSignal.timeout(this.#limits.allMs);
    await mapLimited(images, askedAtOnce, async (image) => {
      if (end.aborted) return;
      const answer = await this.#askOne(image, own(auths, image), end).catch(() => undefined);
      if (typeof answer?.Descriptor?.digest === 'string') told.set(image, answer);
    });
    return told;
  }

  #askOne(image: string, auth: string | undefined, end: AbortSignal): Promise<Distribution | undefined> {
    const request = {
      path: `/distribution/${image}/json`,
      method: 'GET',
      abortSignal: AbortSignal.any([AbortSignal.timeout(this.#limits.oneMs), end]),
      // The modem takes the header's text as `base64`, which its types do not tell.
      ...(auth !== undefined && { authconfig: { base64: auth } }),
      statusCodes: { 200: true },
    };
    return new Promise((resolve, reject) => {
      this.#docker.modem.dial(request as never, (error, answer) => (error ? reject(error as Error) : resolve(answer as Distribution)));
    });
  }
}
