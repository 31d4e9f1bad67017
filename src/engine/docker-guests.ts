/** Docker Engine's containers that are no task's. */
import type Docker from 'dockerode';
import { guestKeyLabel, isGuestKey } from '#model/guest';
import { followEvents } from './docker-events.ts';
import type { DockerNetworks } from './docker-networks.ts';
import { attachedNetworks } from './docker-observe.ts';
import type { Guest, GuestEngine } from './guests.ts';
import { statusOf, textOf } from './outcome.ts';

interface IpamConfig {
  IPv4Address?: string;
}

/** What of a container's settings on a network is its owner's. */
interface Endpoint {
  Aliases?: readonly string[] | null | undefined;
  DriverOpts?: Readonly<Record<string, string>> | null;
  IPAMConfig?: IpamConfig | null;
}

const containers = { type: ['container'], event: ['start', 'die', 'destroy', 'rename'] };
const networks = { type: ['network'], event: ['disconnect'] };

export class DockerGuests implements GuestEngine {
  constructor(
    readonly docker: Docker,
    readonly known: DockerNetworks,
  ) {}

  async look(containerId: string): Promise<Guest | undefined> {
    const id = isGuestKey(containerId) ? await this.#madeUnder(containerId) : containerId;
    const info = id === undefined ? undefined : await this.#inspect(id);
    if (!info) return undefined;
    await this.known.known();
    const { State, Name, NetworkSettings, HostConfig } = info;
    // A container that was never started knows its networks by name only.
    const wished = Object.entries(NetworkSettings.Networks ?? {}).flatMap(([name, { NetworkID, IPAMConfig }]) => {
      const id = this.known.clusterId(NetworkID) ?? this.known.idOf(name);
      return id === undefined ? [] : [{ id, address: (IPAMConfig as IpamConfig | null | undefined)?.IPv4Address }];
    });
    return {
      containerId: info.Id,
      name: Name.replace(/^\//, ''),
      ...(State.Running && State.Pid > 0 && { pid: State.Pid }),
      ended: !State.Running && !State.Restarting,
      networkIds: wished.map(({ id }) => id),
      addresses: Object.fromEntries(wished.flatMap(({ id, address }) => (address ? [[id, address]] : []))),
      nameServers: HostConfig.Dns ?? [],
      networks: State.Running ? attachedNetworks(NetworkSettings.Networks, (id) => this.known.clusterId(id)) : [],
    };
  }

  async #inspect(id: string): Promise<Docker.ContainerInspectInfo | undefined> {
    return await this.docker
      .getContainer(id)
      .inspect()
      .catch((error: unknown) => {
        if (statusOf(error) === 404) return undefined;
        throw error;
      });
  }

  /** Nobody heard what the engine called it: the daemon ended, or its line to the engine broke. */
  async #madeUnder(key: string): Promise<string | undefined> {
    const [made] = await this.docker.listContainers({ all: true, filters: { label: [`${guestKeyLabel}=${key}`] } });
    return made?.Id;
  }

  async disconnect(containerId: string, networkId: string): Promise<void> {
    try {
      await this.docker.getNetwork(this.networkName(networkId)).disconnect({ Container: containerId, Force: true });
    } catch (error) {
      if (![403, 404].includes(statusOf(error) ?? 0) && !/is not connected/.test(textOf(error))) throw error;
    }
  }

  async move(containerId: string, networkId: string, address: string): Promise<void> {
    const info = await this.#inspect(containerId);
    if (!info) return;
    const network = this.networkName(networkId);
    const endpoint = (info.NetworkSettings.Networks as Readonly<Record<string, Endpoint>>)[network] ?? {};
    const settings = { ...endpoint, Aliases: endpoint.Aliases?.filter((alias) => !info.Id.startsWith(alias)) };
    await this.disconnect(info.Id, networkId);
    try {
      await this.#connect(info.Id, network, settings, address);
    } catch (error) {
      // It may have been started meanwhile: nobody has its address yet.
      const former = endpoint.IPAMConfig?.IPv4Address;
      if (former !== undefined) await this.#connect(info.Id, network, settings, former);
      throw error;
    }
  }

  async #connect(containerId: string, network: string, { Aliases, DriverOpts, IPAMConfig }: Endpoint, IPv4Address: string): Promise<void> {
    const EndpointConfig = { Aliases, DriverOpts, IPAMConfig: { ...IPAMConfig, IPv4Address } };
    await this.docker.getNetwork(network).connect({ Container: containerId, EndpointConfig } as Docker.NetworkConnectOptions);
  }

  watch(changed: (containerId: string | undefined) => void, signal: AbortSignal): void {
    void followEvents(this.docker, containers, (event) => changed(event?.Actor?.ID), signal);
    void followEvents(this.docker, networks, (event) => event && changed(event.Actor?.Attributes?.['container']), signal);
  }

  networkName(networkId: string): string {
    return this.known.name(networkId);
  }
}
