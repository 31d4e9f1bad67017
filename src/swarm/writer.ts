/** Carries a use case's actions out on a Docker Swarm, one call each, and notes what came of them. */
import { assert } from '#base/assert';
import type { Clock } from '#base/clock';
import type { Logger } from '#base/logger';
import type { Random } from '#base/random';
import { Refusal } from '#base/refusal';
import { saltBytes, slowDigest } from '#base/slow-digest';
import { differences } from '#model/spec-compare';
import type { FileKind } from '#control/secrets-and-configs';
import type { Network } from '#model/object/network';
import type { Config, Secret, SecretSpec } from '#model/object/secret';
import { contentLabel } from '#model/version-names';
import type { Service } from '#model/object/service';
import type { Action } from '#store/action';
import type { View } from '#store/view';
import type { EngineApi } from './engine-api.ts';
import { inSafeOrder } from './order.ts';
import type { Reader } from './reader.ts';
import { networkBody, serviceBody, withIds } from './docker-json.ts';
import type { ServiceWrite } from './write-record.ts';

export interface WriterParts {
  api: EngineApi;
  reader: Reader;
  clock: Clock;
  random: Random;
  logger: Logger;
}

/** Docker keeps a network, and its name, while tasks of a removed service wind down: that takes their grace period. */
const networkLimitMs = 30_000;
const networkRetryMs = 250;

/** The writes of one request. What it notes is true even when `run` fails half-way. */
export class Writer {
  /** Ids that the use case made up → Docker's. */
  readonly ids = new Map<string, string>();
  /** Services written, by Docker's id. */
  readonly written = new Map<string, ServiceWrite>();
  readonly #parts: WriterParts;

  constructor(parts: WriterParts) {
    this.#parts = parts;
  }

  /** Throws the first refusal; nothing is written when a service asks for what Docker cannot do. */
  async run(actions: readonly Action[], view: View): Promise<void> {
    for (const action of actions) if (action.type !== 'remove' && action.kind === 'service') serviceBody(action.object.Spec);
    for (const action of inSafeOrder(actions, view)) await this.#carryOut(action);
  }

  #carryOut(action: Action): Promise<void> {
    if (action.type === 'remove') return this.#remove(action.kind, action.id);
    switch (action.kind) {
      case 'service':
        return this.#writeService(action.type, action.object);
      case 'secret':
      case 'config':
        return this.#writeFile(action.type, action.kind, action.object);
      case 'network':
        return this.#createNetwork(action.object);
      default:
        throw new Refusal('unimplemented', `a ${action.kind} is changed at the Docker Engine itself`);
    }
  }

  async #writeFile(type: 'create' | 'update', kind: FileKind, file: Secret | Config): Promise<void> {
    const { ID, Spec, Version } = file;
    if (type === 'create') return this.#create(`/${kind}s/create`, ID, kind === 'secret' ? this.#withDigest(Spec) : Spec, `${kind} ${Spec.Name}`);
    await naming(`failed to update ${kind} ${Spec.Name}`, () => this.#parts.api.post(`/${kind}s/${ID}/update?version=${Version.Index}`, Spec));
  }

  /** Docker never shows a secret again: the label tells whether another has the same content. */
  #withDigest(spec: SecretSpec): SecretSpec {
    if (!spec.Data) return spec;
    const digest = slowDigest(Buffer.from(spec.Data, 'base64'), this.#parts.random.bytes(saltBytes));
    return { ...spec, Labels: { ...spec.Labels, [contentLabel]: digest } };
  }

  async #writeService(type: 'create' | 'update', service: Service): Promise<void> {
    const { api, reader } = this.#parts;
    const { Name } = service.Spec;
    const Asked = withIds(service.Spec, this.ids);
    const body = serviceBody(Asked);
    const headers: Record<string, string> = service.Shoal.RegistryAuth ? { 'X-Registry-Auth': service.Shoal.RegistryAuth } : {};
    if (type === 'create') await this.#create('/services/create', service.ID, body, `service ${Name}`, headers);
    else await naming(`failed to update service ${Name}`, () => api.post(`/services/${service.ID}/update?version=${service.Version.Index}`, body, headers));
    const id = this.ids.get(service.ID) ?? service.ID;
    const { Spec: Stored } = await reader.service(id);
    this.written.set(id, { Asked, Stored, registryAuth: service.Shoal.RegistryAuth, version: service.Shoal.SpecVersion, origin: service.Shoal.Origin });
    this.#warnOfLosses(Name, body as Service['Spec'], Stored);
  }

  async #create(path: string, id: string, body: object, what: string, headers: Readonly<Record<string, string>> = {}): Promise<void> {
    const answer = await naming(`failed to create ${what}`, () => this.#parts.api.post<{ ID?: string; Id?: string }>(path, body, headers));
    const real = answer.ID ?? answer.Id;
    assert(real !== undefined, `the Docker Engine gave no id for ${what}`);
    this.ids.set(id, real);
  }

  #createNetwork({ ID, Spec }: Network): Promise<void> {
    const create = () => this.#create('/networks/create', ID, networkBody(Spec), `network ${Spec.Name}`);
    return this.#patiently(create, (refusal) => refusal.code === 'alreadyExists' && this.#parts.reader.leftovers.has(Spec.Name));
  }

  #remove(kind: Action['kind'], id: string): Promise<void> {
    const removeOnce = () =>
      this.#parts.api.remove(`/${kind}s/${id}`).catch((error: unknown) => {
        if (!(error instanceof Refusal && error.code === 'notFound')) throw error;
      });
    return this.#patiently(removeOnce, (refusal) => kind === 'network' && refusal.message.includes('in use'));
  }

  /** Calls again while the refusal is one that time heals. */
  async #patiently(call: () => Promise<void>, passes: (refusal: Refusal) => boolean): Promise<void> {
    const { clock } = this.#parts;
    const giveUpAt = clock.now() + networkLimitMs;
    for (;;) {
      try {
        return await call();
      } catch (error) {
        if (!(error instanceof Refusal && passes(error)) || clock.now() >= giveUpAt) throw error;
      }
      await new Promise<void>((resolve) => clock.after(networkRetryMs, resolve));
    }
  }

  /** An older engine drops members that it does not know without a word. */
  #warnOfLosses(service: string, asked: Service['Spec'], stored: Service['Spec']): void {
    const fields = differences(asked, stored);
    if (fields.length > 0)
      this.#parts.logger.warn({ service, fields }, 'the Docker Engine stored these fields of the service otherwise than asked, or not at all');
  }
}

/** Says what a refusal is about; one of the engine's own silence needs no more words. */
async function naming<T>(what: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    if (!(error instanceof Refusal) || error.code === 'unavailable') throw error;
    throw new Refusal(error.code, `${what}: ${error.message}`, error.facts);
  }
}
