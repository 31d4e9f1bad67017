/** Cluster networks as Docker bridge networks of this engine. */
import type Docker from 'dockerode';
import { mtuOption } from '#model/options/network-options';
import { bridgeName, networkIdLabel, type Network } from '#model/object/network';
import type { StepOutcome } from '#task/step';
import { nodeIdLabel } from '#model/object/meta';
import { cutOffBy } from './host-routes.ts';
import { done, failed, notYet, refused, statusOf, textOf } from './outcome.ts';

interface NetworkMaker {
  nodeId: string;
  mtu?: number | undefined;
}

/**
 * The request for POST /networks/create; `name` differs from the cluster's when a stranger has that one.
 * @internal
 */
export function networkRequest(network: Network, gateway: string, name: string, { nodeId, mtu }: NetworkMaker): Docker.NetworkCreateOptions {
  const subnet = network.IPAMOptions?.Configs?.[0]?.Subnet ?? '';
  // Overlay options mean nothing to a bridge; Docker's own ones (the MTU) do.
  const asked = Object.entries(network.Spec.Options ?? {}).filter(([key]) => key.startsWith('com.docker.network.'));
  // Containers that may come to speak with other hosts leave room for what carries their packets.
  const options = mtu === undefined ? asked : [[mtuOption, String(mtu)], ...asked];
  return {
    Name: name,
    // Older engines let two have one name where nobody asks them not to.
    CheckDuplicate: true,
    Driver: 'bridge',
    Internal: network.Spec.Internal ?? false,
    IPAM: { Driver: 'default', Config: [{ Subnet: subnet, Gateway: gateway }] },
    Options: { ...Object.fromEntries(options), 'com.docker.network.bridge.name': bridgeName(network.ID) },
    Labels: { ...network.Spec.Labels, [networkIdLabel]: network.ID, [nodeIdLabel]: nodeId },
  };
}

export class DockerNetworks {
  readonly #names = new Map<string, string>();
  /** The engine's id → the cluster's. */
  readonly #ids = new Map<string, string>();
  /** By the cluster's id, this node's address as the engine has it. */
  readonly #gateways = new Map<string, string>();
  #observed = false;

  constructor(
    readonly docker: Docker,
    readonly nodeId: string,
    readonly mtu?: (network: Network) => Promise<number>,
  ) {}

  /** Cluster network ids; refreshes what `name` knows. */
  async observe(): Promise<readonly string[]> {
    const networks = await this.#list();
    for (const known of [this.#names, this.#ids, this.#gateways]) known.clear();
    this.#observed = true;
    for (const { Labels, Name, Id, IPAM } of networks) {
      this.#names.set(Labels?.[networkIdLabel] ?? '', Name);
      this.#ids.set(Id, Labels?.[networkIdLabel] ?? '');
      this.#gateways.set(Labels?.[networkIdLabel] ?? '', IPAM?.Config?.[0]?.Gateway ?? '');
    }
    return [...this.#names.keys()];
  }

  /** Resolves when `clusterId` knows what was there before this life. */
  async known(): Promise<void> {
    if (!this.#observed) await this.observe();
  }

  /** The cluster's id of an engine's network that has been observed; undefined for a stranger's. */
  clusterId(engineId: string): string | undefined {
    return this.#ids.get(engineId);
  }

  /** The cluster's id of the network that the engine has under this name; undefined for a stranger's. */
  idOf(name: string): string | undefined {
    for (const [id, known] of this.#names) if (known === name && id !== '') return id;
    return undefined;
  }

  /** The engine's name of a network that has been created or observed. */
  name(networkId: string): string {
    return this.#names.get(networkId) ?? networkId;
  }

  async create(network: Network, gateway: string): Promise<StepOutcome> {
    try {
      // What this life has neither seen nor made is not there, or the engine says so when it is to make it.
      const mayBeThere = !this.#observed || this.#names.has(network.ID);
      if (mayBeThere && (await this.observe()).includes(network.ID)) {
        const known = this.#gateways.get(network.ID) || gateway;
        if (known === gateway) return done;
        // Of a time when this node was known by another address in it.
        const removed = await this.remove(network.ID);
        if (!removed.ok) return removed;
      }
      const cut = await cutOffBy(network.IPAMOptions?.Configs?.[0]?.Subnet ?? '', bridgeName(network.ID));
      if (cut !== undefined) return refused(`network ${network.Spec.Name} cannot be on this host: ${cut}`);
      this.#names.set(network.ID, await this.#createNamed(network, gateway));
      return { ok: true, made: true };
    } catch (error) {
      // It was made when nobody heard of it any more.
      if ((await this.observe().catch((): string[] => [])).includes(network.ID)) return { ok: true, made: true };
      const prefix = `creating network ${network.Spec.Name} failed: `;
      const soon = /Pool overlaps/.test(textOf(error)) && (await this.#subnetIsOurs(network));
      return soon ? notYet(prefix + textOf(error)) : failed(error, prefix);
    }
  }

  /** One of this node's networks has the subnet: it is on its way out, for the cluster gives each subnet once. */
  async #subnetIsOurs({ IPAMOptions }: Network): Promise<boolean> {
    const subnet = IPAMOptions?.Configs?.[0]?.Subnet;
    const ours = await this.#list().catch(() => []);
    return ours.some((each) => each.IPAM?.Config?.some((config) => config.Subnet === subnet));
  }

  #list(): Promise<Docker.NetworkInspectInfo[]> {
    return this.docker.listNetworks({ filters: { label: [networkIdLabel, `${nodeIdLabel}=${this.nodeId}`] } as never });
  }

  /** A network that is in use stays; somebody else's container may sit in it. */
  async remove(networkId: string): Promise<StepOutcome> {
    try {
      if (!(await this.observe()).includes(networkId)) return done;
      await this.docker.getNetwork(this.name(networkId)).remove();
      this.#names.delete(networkId);
      return done;
    } catch (error) {
      return statusOf(error) === 404 ? done : notYet(textOf(error));
    }
  }

  /**
   * Makes the network under its own name or, where somebody has that name already, under one with its id, and answers which.
   * Older engines do not keep names unique at one moment, so who made one looks again: of two daemons at the same moment at least the later gives way.
   */
  async #createNamed(network: Network, gateway: string): Promise<string> {
    const name = network.Spec.Name;
    const maker = { nodeId: this.nodeId, mtu: await this.mtu?.(network) };
    const first = await this.docker.createNetwork(networkRequest(network, gateway, name, maker)).catch((error: unknown) => {
      if (statusOf(error) !== 409) throw error;
    });
    if (first && (await this.#countNamed(name)) === 1) {
      this.#ids.set(first.id, network.ID);
      return name;
    }
    await first?.remove();
    // Somebody's, or this one, made when nobody heard of it any more.
    if (!first && (await this.observe()).includes(network.ID)) return this.name(network.ID);
    const own = `${name}.${network.ID}`;
    const made = await this.docker.createNetwork(networkRequest(network, gateway, own, maker));
    this.#ids.set(made.id, network.ID);
    return own;
  }

  async #countNamed(name: string): Promise<number> {
    const networks = await this.docker.listNetworks({ filters: { name: [name] } as never });
    return networks.filter((each) => each.Name === name).length;
  }
}
