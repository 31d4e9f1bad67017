/** A node's network that only writes down what it is asked. */
import type { NodeNetwork } from '#agent/node-network';
import type { ServiceEndpoint } from '#model/assignment';

export class RecordingNetwork implements NodeNetwork {
  readonly calls: string[] = [];
  /** The endpoints that were last brought in force. */
  endpoints: readonly ServiceEndpoint[] = [];
  networks: readonly string[] = [];
  /** Networks of each update, joined. */
  readonly updates: string[] = [];
  /** Set to refuse networks. */
  refusal: string | undefined;
  /** Asked before a network is ready. */
  beforeCreated: () => Promise<void> = async () => {};
  /** Asked before an update is in force. */
  beforeUpdate: () => Promise<void> = async () => {};

  async start(): Promise<void> {
    this.calls.push('start');
  }

  async networkCreated(network: { ID: string }, gateway: string): Promise<void> {
    if (this.refusal) throw new Error(this.refusal);
    await this.beforeCreated();
    this.calls.push(`created ${network.ID} ${gateway}`);
  }

  async networkRemoved(networkId: string): Promise<void> {
    this.calls.push(`removed ${networkId}`);
  }

  async update(endpoints: readonly ServiceEndpoint[], networks: readonly { network: { ID: string } }[]): Promise<void> {
    await this.beforeUpdate();
    this.endpoints = endpoints;
    this.networks = networks.map(({ network }) => network.ID);
    this.updates.push(this.networks.join());
  }

  async stop(): Promise<void> {
    this.calls.push('stop');
  }

  /** Ids of the tasks that get traffic. */
  get tasks(): readonly string[] {
    return this.endpoints.flatMap((endpoint) => endpoint.Tasks.filter((task) => task.Ready).map((task) => task.TaskID));
  }
}
