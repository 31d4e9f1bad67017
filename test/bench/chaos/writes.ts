/** What people ask of the cluster meanwhile, at whichever manager: create, scale, exchange a secret, remove. */
import { integerBetween, type Random } from '#base/random';
import type { HostDaemon } from '../../support/daemon.ts';
import { callSocket } from '../daemon.ts';
import { pick } from '../soak/hostility.ts';
import type { Ledger, Wanted } from './ledger.ts';

const mostServices = 5;
const mostReplicas = 5;
/** A call that hangs longer counts as unanswered. */
const callLimitMs = 20_000;

export interface ServiceBody {
  ID: string;
  Version: { Index: number };
  Spec: ServiceSpec;
}

interface ServiceSpec {
  Name: string;
  Mode: { Replicated: { Replicas: number } };
  TaskTemplate: { ContainerSpec: { Image: string; Env: string[]; Secrets: { SecretID: string; SecretName: string; File: object }[] } };
}

export class Writes {
  #count = 0;

  constructor(
    readonly managers: readonly HostDaemon[],
    readonly image: string,
    readonly ledger: Ledger,
    readonly random: Random,
  ) {}

  /** One of them; resolves with what became of it. */
  async one(): Promise<string> {
    const { names } = this.ledger;
    const kind = names.length === 0 ? 'create' : pick(['create', 'scale', 'scale', 'update', 'rotate', 'rotate', 'remove'] as const, this.random);
    const by = pick(this.managers, this.random);
    this.#count++;
    if (kind === 'create' && names.length < mostServices) return this.#create(by, `c${this.#count}`);
    if (names.length === 0) return 'nothing to do';
    const name = pick(names, this.random);
    if (kind === 'remove' && names.length > 2) return this.#attempt(by, name, undefined, (service) => [`DELETE`, `/services/${service.ID}`, undefined]);
    const word = `w${this.#count}`;
    const replicas = integerBetween(this.random, 1, mostReplicas);
    if (kind === 'rotate') return this.#rotate(by, name);
    return this.#change(by, name, (was) => (kind === 'scale' ? { ...was, replicas } : { ...was, word }));
  }

  async #create(by: HostDaemon, name: string): Promise<string> {
    const wanted = { replicas: integerBetween(this.random, 1, mostReplicas), word: 'w0', secret: `${name}-0` };
    try {
      const id = await this.#secret(by, wanted.secret);
      const body = specOf(name, wanted, this.image, id);
      return await this.#ask(by, name, wanted, ['POST', '/services/create', body]);
    } catch (error) {
      return `create ${name} at ${by.name}: not begun: ${reason(error)}`;
    }
  }

  async #rotate(by: HostDaemon, name: string): Promise<string> {
    const secret = `${name}-${this.#count}`;
    try {
      const id = await this.#secret(by, secret);
      return await this.#change(by, name, (was) => ({ ...was, secret }), id);
    } catch (error) {
      return `rotate ${name} at ${by.name}: not begun: ${reason(error)}`;
    }
  }

  #change(by: HostDaemon, name: string, next: (was: NonNullable<Wanted>) => NonNullable<Wanted>, secretId?: string): Promise<string> {
    let wanted: Wanted;
    return this.#attempt(
      by,
      name,
      () => wanted,
      (service) => {
        wanted = next(wantedOf(service));
        const known = service.Spec.TaskTemplate.ContainerSpec.Secrets[0]?.SecretID ?? '';
        return ['POST', `/services/${service.ID}/update?version=${service.Version.Index}`, specOf(name, wanted, this.image, secretId ?? known)];
      },
    );
  }

  /** Reads the service, then asks for what `make` says. */
  async #attempt(by: HostDaemon, name: string, wanted: (() => Wanted) | undefined, make: (service: ServiceBody) => Call): Promise<string> {
    let service: ServiceBody;
    try {
      service = (await limited(callSocket(by.socket, 'GET', `/services/${name}`, undefined))) as ServiceBody;
    } catch (error) {
      return `${name} at ${by.name}: not read: ${reason(error)}`;
    }
    const call = make(service);
    return this.#ask(by, name, wanted?.(), call);
  }

  async #ask(by: HostDaemon, name: string, wanted: Wanted, call: Call): Promise<string> {
    const what = `${call[0]} ${name} at ${by.name} ${JSON.stringify(wanted ?? null)}`;
    try {
      await limited(callSocket(by.socket, ...call));
      this.ledger.done(name, wanted);
      return `${what}: done`;
    } catch (error) {
      // What the store has is another version: it was decided that nothing comes of it.
      if (/update out of sequence|40\d \{/.test(String(error))) return `${what}: refused: ${reason(error)}`;
      this.ledger.perhaps(name, wanted);
      return `${what}: unanswered: ${reason(error)}`;
    }
  }

  async #secret(by: HostDaemon, name: string): Promise<string> {
    const Data = Buffer.from(name).toString('base64');
    const { ID } = (await limited(callSocket(by.socket, 'POST', '/secrets/create', { Name: name, Data }))) as { ID: string };
    return ID;
  }
}

type Call = [method: string, path: string, body: unknown];

function specOf(Name: string, { replicas, word, secret }: NonNullable<Wanted>, Image: string, SecretID: string): object {
  const File = { Name: 'word', UID: '0', GID: '0', Mode: 0o444 };
  const ContainerSpec = { Image, Env: [`WORD=${word}`], StopGracePeriod: 500_000_000, Secrets: [{ SecretID, SecretName: secret, File }] };
  // What a crash makes fail shall not hold up the rollout: by default it pauses until somebody comes.
  const UpdateConfig = { Parallelism: 1, FailureAction: 'continue', Monitor: 500_000_000 };
  return { Name, UpdateConfig, TaskTemplate: { ContainerSpec, RestartPolicy: { Delay: 500_000_000 } }, Mode: { Replicated: { Replicas: replicas } } };
}

/** What the service is to be, as the cluster knows it. */
export function wantedOf({ Spec }: ServiceBody): NonNullable<Wanted> {
  const { Env, Secrets } = Spec.TaskTemplate.ContainerSpec;
  return { replicas: Spec.Mode.Replicated.Replicas, word: Env[0]?.replace('WORD=', '') ?? '', secret: Secrets[0]?.SecretName ?? '' };
}

function limited<T>(call: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => (timer = setTimeout(() => reject(new Error('no answer')), callLimitMs)));
  call.catch(() => undefined);
  return Promise.race([call, late]).finally(() => clearTimeout(timer));
}

function reason(error: unknown): string {
  return (error as Error).message.slice(0, 160).trim();
}
