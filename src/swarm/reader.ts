/** Reads what a Docker Swarm holds into a store of our own shapes. */
import { kinds, type Kind, type ObjectOf } from '#model/object';
import type { Task } from '#model/task';
import { Store } from '#store/store';
import type { View } from '#store/view';
import type { EngineApi } from './engine-api.ts';
import { isLeftover, networkOf, predefinedLabel, withIds, type DockerNetwork, type DockerService, type DockerTask } from './docker-json.ts';
import { serviceOf, taskOf } from './write-record.ts';

type Objects = { [K in Kind]: readonly ObjectOf[K][] };

const swarmScope = encodeURIComponent(JSON.stringify({ scope: ['swarm'] }));

export class Reader {
  readonly #api: EngineApi;
  /** Id → name of networks that lists leave out: `host`, `bridge` and `none` as the swarm knows them; '' for what is none of them. */
  readonly #unlisted = new Map<string, string>();

  /** Names of networks that are removed and not yet gone. */
  leftovers: ReadonlySet<string> = new Set();

  constructor(api: EngineApi) {
    this.#api = api;
  }

  /** Everything but the tasks of services that fare well: a large swarm has many, and they decide nothing. `records` hold how we asked for services. */
  async read(records: View): Promise<Store> {
    const [networks, secrets, configs, services, nodes] = await Promise.all([
      this.#api.get<DockerNetwork[]>(`/networks?filters=${swarmScope}`),
      this.#api.get<ObjectOf['secret'][]>('/secrets'),
      this.#api.get<ObjectOf['config'][]>('/configs'),
      this.#api.get<DockerService[]>('/services'),
      this.#api.get<ObjectOf['node'][]>('/nodes'),
    ]);
    this.leftovers = new Set(networks.filter(isLeftover).map((network) => network.Name));
    const objects: Objects = {
      ...(Object.fromEntries(kinds.map((kind) => [kind, []])) as unknown as Objects),
      network: networks
        .filter((network) => !isLeftover(network))
        .map(networkOf)
        .toSorted(byAge),
      secret: secrets.toSorted(byAge),
      config: configs.toSorted(byAge),
      service: (await this.#named(services, networks)).map((service) => serviceOf(service, records.get('service', service.ID))).toSorted(byAge),
      node: nodes.toSorted(byAge),
      task: (await this.#tasksInTrouble(services)).toSorted(byAge),
    };
    const store = new Store();
    store.restore({ index: 0, objects });
    return store;
  }

  /** Tasks of services whose update failed: they hold the reasons. */
  async #tasksInTrouble(services: readonly DockerService[]): Promise<Task[]> {
    const troubled = new Map(
      services.filter(({ UpdateStatus }) => /^(paused|rollback)/.test(UpdateStatus?.State ?? '')).map((service) => [service.ID, service]),
    );
    if (troubled.size === 0) return [];
    const filters = encodeURIComponent(JSON.stringify({ service: [...troubled.keys()] }));
    const tasks = await this.#api.get<DockerTask[]>(`/tasks?filters=${filters}`);
    return tasks.map((task) => taskOf(task, troubled.get(task.ServiceID)));
  }

  /** One service as Docker stores it. */
  async service(id: string): Promise<DockerService> {
    const service = await this.#api.get<DockerService>(`/services/${id}`);
    return (await this.#named([service], []))[0] ?? service;
  }

  /** Services with the node-local networks by name again, as everybody writes them. */
  async #named(services: readonly DockerService[], networks: readonly DockerNetwork[]): Promise<DockerService[]> {
    const listed = new Set(networks.map((network) => network.Id));
    for (const { Spec, PreviousSpec } of services) {
      for (const { Target = '' } of [...(Spec.TaskTemplate.Networks ?? []), ...(PreviousSpec?.TaskTemplate.Networks ?? [])]) {
        if (!listed.has(Target) && !this.#unlisted.has(Target)) this.#unlisted.set(Target, await this.#nameOfUnlisted(Target));
      }
    }
    const names = new Map([...this.#unlisted].filter(([, name]) => name !== ''));
    return services.map((service) => ({
      ...service,
      Spec: withIds(service.Spec, names),
      ...(service.PreviousSpec && { PreviousSpec: withIds(service.PreviousSpec, names) }),
    }));
  }

  async #nameOfUnlisted(id: string): Promise<string> {
    const found = await this.#api.get<DockerNetwork>(`/networks/${id}`).catch(() => undefined);
    return found?.Labels?.[predefinedLabel] === undefined ? '' : found.Name;
  }
}

/** The store's lists are oldest first. */
function byAge(a: { CreatedAt: string }, b: { CreatedAt: string }): number {
  return a.CreatedAt < b.CreatedAt ? -1 : Number(a.CreatedAt > b.CreatedAt);
}
