/** Carries a use case's actions out on a Docker Swarm, one call each, and notes what came of them. */
import { assert } from '#base/assert';
import { type Clock, pause } from '#base/clock';
import type { Logger } from '#base/logger';
import type { Random } from '#base/random';
import { Refusal } from '#base/refusal';
import { differingFields } from '#model/difference/spec-compare';
import type { FileKind } from '#control/secrets-and-configs';
import type { Network } from '#model/object/network';
import type { Config, Secret } from '#model/object/secret';
import type { Service } from '#model/object/service';
import type { ServiceSpec } from '#model/object/service-spec';
import type { Action } from '#store/action';
import type { View } from '#store/view';
import type { EngineApi } from './engine-api.ts';
import { inSafeOrder } from './order.ts';
import type { Reader } from './reader.ts';
import { leftOutText, serviceBody } from './bodies.ts';
import { withIds } from './docker-json.ts';
import { createFile, createNetwork, createService, removeObject, updateFile, updateService, withDigest } from './requests.ts';
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
        throw notWritten(action.kind);
    }
  }

  async #writeFile(type: 'create' | 'update', kind: FileKind, file: Secret | Config): Promise<void> {
    const { ID, Spec, Version } = file;
    const { api, random } = this.#parts;
    const wanted = kind === 'secret' && type === 'create' ? withDigest(Spec, (count) => random.bytes(count)) : Spec;
    if (type === 'create') return this.#create(ID, `${kind} ${Spec.Name}`, () => createFile(api, kind, wanted));
    await naming(`failed to update ${kind} ${Spec.Name}`, () => updateFile(api, kind, { ID, Version }, wanted));
  }

  async #writeService(type: 'create' | 'update', service: Service): Promise<void> {
    const { api, reader } = this.#parts;
    const { Name } = service.Spec;
    const Asked = withIds(service.Spec, this.ids);
    const { RegistryAuth } = service.Shoal;
    if (type === 'create') await this.#create(service.ID, `service ${Name}`, () => createService(api, Asked, RegistryAuth));
    else await naming(`failed to update service ${Name}`, () => updateService(api, service, Asked, RegistryAuth));
    const id = this.ids.get(service.ID) ?? service.ID;
    const { Spec: Stored } = await reader.service(id);
    this.written.set(id, { Asked, Stored, registryAuth: RegistryAuth, version: service.Shoal.SpecVersion, origin: service.Shoal.Origin });
    this.#warnOfLosses(Asked, Stored);
  }

  async #create(id: string, what: string, request: () => Promise<string>): Promise<void> {
    const real = await naming(`failed to create ${what}`, request);
    assert(real !== '', `the Docker Engine gave no id for ${what}`);
    this.ids.set(id, real);
  }

  #createNetwork({ ID, Spec }: Network): Promise<void> {
    const create = () => this.#create(ID, `network ${Spec.Name}`, () => createNetwork(this.#parts.api, Spec, 'swarm'));
    return this.#patiently(create, (refusal) => refusal.code === 'alreadyExists' && this.#parts.reader.leftovers.has(Spec.Name));
  }

  async #remove(kind: Action['kind'], id: string): Promise<void> {
    if (kind !== 'service' && kind !== 'secret' && kind !== 'config' && kind !== 'network') throw notWritten(kind);
    const removeOnce = () =>
      removeObject(this.#parts.api, kind, id).catch((error: unknown) => {
        if (!(error instanceof Refusal && error.code === 'notFound')) throw error;
      });
    return this.#patiently(removeOnce, (refusal) => kind === 'network' && refusal.message.includes('in use'));
  }

  /** Calls again while the refusal is one that time heals. */
  async #patiently(call: () => Promise<void>, passes: (refusal: Refusal) => boolean): Promise<void> {
    const { clock } = this.#parts;
    const giveUpAt = clock.monotonicNow() + networkLimitMs;
    for (;;) {
      try {
        return await call();
      } catch (error) {
        if (!(error instanceof Refusal && passes(error)) || clock.monotonicNow() >= giveUpAt) throw error;
      }
      await pause(clock, networkRetryMs);
    }
  }

  /** An older engine drops members that it does not know without a word. */
  #warnOfLosses(asked: ServiceSpec, stored: ServiceSpec): void {
    const { body, leftOut } = serviceBody(asked);
    const service = asked.Name;
    if (leftOut.length > 0) this.#parts.logger.warn({ service }, leftOutText(service, leftOut));
    const fields = differingFields(body, stored);
    if (fields.length > 0)
      this.#parts.logger.warn(
        { service, fields },
        'the Docker Engine stored these fields of the service otherwise than asked, or not at all: the service runs without them; is the engine too old for them?',
      );
  }
}

function notWritten(kind: Action['kind']): Refusal {
  return new Refusal('unimplemented', `a ${kind} is changed at the Docker Engine itself`);
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
