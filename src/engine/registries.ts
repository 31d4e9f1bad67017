/** Registries, asked by way of the engine: what is behind an image's tag. */
import Docker from 'dockerode';
import type { Distribution } from '#model/image/image-pin';
import { mapLimited } from './limiter.ts';

const askedAtOnce = 8;
/** A registry that says nothing for so long is as one that is down. */
const answerLimitMs = 15_000;

export class Registries {
  readonly #docker: Docker;

  constructor(socketPath: string) {
    this.#docker = new Docker({ socketPath });
  }

  /** Answers for those images that a registry tells of; `auths`: X-Registry-Auth by image. */
  async ask(images: readonly string[], auths: Readonly<Record<string, string>>): Promise<ReadonlyMap<string, Distribution>> {
    const told = new Map<string, Distribution>();
    await mapLimited(images, askedAtOnce, async (image) => {
      const answer = await this.#askOne(image, auths[image]).catch(() => undefined);
      if (typeof answer?.Descriptor?.digest === 'string') told.set(image, answer);
    });
    return told;
  }

  #askOne(image: string, auth: string | undefined): Promise<Distribution | undefined> {
    const request = {
      path: `/distribution/${image}/json`,
      method: 'GET',
      abortSignal: AbortSignal.timeout(answerLimitMs),
      // The modem takes the header's text as `base64`, which its types do not tell.
      ...(auth !== undefined && { authconfig: { base64: auth } }),
      statusCodes: { 200: true },
    };
    return new Promise((resolve, reject) => {
      this.#docker.modem.dial(request as never, (error, answer) => (error ? reject(error as Error) : resolve(answer as Distribution)));
    });
  }
}
