/** Reads what a Docker Swarm holds into a store of our own shapes. */
import { compareTexts } from '#base/text/text';
import { timeOf } from '#base/clock';
import { kinds, type Kind, type ObjectOf } from '#model/object/object';
import type { Service, ServiceState } from '#model/object/service';
import type { Task } from '#model/object/task';
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
  async read(records: View, now: number): Promise<Store> {
    const [networks, secrets, configs, listed, nodes] = await Promise.all([
      this.#api.get<DockerNetwork[]>(`/networks?filters=${swarmScope}`),
      this.#api.get<ObjectOf['secret'][]>('/secrets'),
      this.#api.get<ObjectOf['config'][]>('/configs'),
      this.#api.get<CountedService[]>('/services?status=true'),
      this.#api.get<ObjectOf['node'][]>('/nodes'),
    ]);
    this.leftovers = new Set(networks.filter(isLeftover).map((network) => network.Name));
    const counts = new Map(listed.length <= fewServices ? [] : listed.map((service) => [service.ID, steadyCounts(service, now)]));
    const docker = await this.#named(listed.map(withoutCounts), networks);
    const services = docker.map((service) => withSteady(serviceOf(service, records.get('service', service.ID)), counts.get(service.ID)));
    const objects: Objects = {
      ...(Object.fromEntries(kinds.map((kind) => [kind, []])) as unknown as Objects),
      network: networks
        .filter((network) => !isLeftover(network))
        .map(networkOf)
        .toSorted(byAge),
      secret: secrets.toSorted(byAge),
      config: configs.toSorted(byAge),
      service: services.toSorted(byAge),
      node: nodes.toSorted(byAge),
      task: (await this.#tasksInTrouble(docker, services)).toSorted(byAge),
    };
    const store = new Store();
    store.restore({ index: 0, objects });
    return store;
  }

  /** Tasks of services that are not known to fare well: they hold the reasons. */
  async #tasksInTrouble(docker: readonly DockerService[], services: readonly Service[]): Promise<Task[]> {
    const troubled = services.filter((service) => service.Shoal.Steady === undefined);
    if (troubled.length === 0) return [];
    const filters = encodeURIComponent(JSON.stringify({ service: troubled.map(({ ID }) => ID) }));
    const tasks = await this.#api.get<DockerTask[]>(`/tasks?filters=${filters}`);
    const [asDocker, asOurs] = [new Map(docker.map((service) => [service.ID, service])), new Map(services.map((service) => [service.ID, service]))];
    const names = this.#unlistedNames();
    return tasks.map((task) => taskOf({ ...task, Spec: withIds(task.Spec, names) }, asDocker.get(task.ServiceID), asOurs.get(task.ServiceID)));
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
    const names = this.#unlistedNames();
    return services.map((service) => ({
      ...service,
      Spec: withIds(service.Spec, names),
      ...(service.PreviousSpec && { PreviousSpec: withIds(service.PreviousSpec, names) }),
    }));
  }

  /** A task's spec is compared with its service's: both have the names. */
  #unlistedNames(): ReadonlyMap<string, string> {
    return new Map([...this.#unlisted].filter(([, name]) => name !== ''));
  }

  async #nameOfUnlisted(id: string): Promise<string> {
    const found = await this.#api.get<DockerNetwork>(`/networks/${id}`).catch(() => undefined);
    return found?.Labels?.[predefinedLabel] === undefined ? '' : found.Name;
  }
}

/** The store's lists are oldest first. */
function byAge(a: { CreatedAt: string }, b: { CreatedAt: string }): number {
  return compareTexts(a.CreatedAt, b.CreatedAt);
}

type CountedService = DockerService & { ServiceStatus?: { RunningTasks: number; DesiredTasks: number } };

/** Of so few services all tasks are read: then a service that comes and goes is never taken for a steady one. */
const fewServices = 50;

/** A service that changed within this time may yet show that it does not stay, milliseconds. */
const settledMs = 120_000;

/** The counts of a service that runs all its tasks and changed long ago. */
function steadyCounts({ ServiceStatus, UpdateStatus, UpdatedAt }: CountedService, now: number): ServiceState['Steady'] {
  if (!ServiceStatus || ServiceStatus.RunningTasks < ServiceStatus.DesiredTasks || ServiceStatus.DesiredTasks === 0) return undefined;
  if (UpdateStatus && UpdateStatus.State !== 'completed') return undefined;
  if (now - timeOf(UpdatedAt) < settledMs) return undefined;
  return { Running: ServiceStatus.RunningTasks, Wanted: ServiceStatus.DesiredTasks };
}

function withoutCounts({ ServiceStatus: _counts, ...service }: CountedService): DockerService {
  return service;
}

function withSteady(service: Service, Steady: ServiceState['Steady']): Service {
  return Steady ? { ...service, Shoal: { ...service.Shoal, Steady } } : service;
}
