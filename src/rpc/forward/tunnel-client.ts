/** A node's side of tunnels: opens each that its manager asks for, and hands it to whoever answers there. */
import type { Duplex } from 'node:stream';
import { Metadata, type ChannelCredentials } from '@grpc/grpc-js';
import { TunnelServiceClient } from '../generated/shoal/v1/forward.ts';
import { channelOptions } from '../channel-options.ts';
import { tunnelKey, tunnelsOfNode } from './node-tunnels.ts';
import { tunnelOf } from './tunnel.ts';

export class TunnelClient {
  readonly #address: string;
  readonly #credentials: ChannelCredentials;
  readonly #connected: (tunnel: Duplex) => void;
  #client: TunnelServiceClient | undefined;
  #open = 0;
  #ended = false;

  /** @param connected is given each tunnel: what comes over it is asked by the manager at `address` */
  constructor(address: string, credentials: ChannelCredentials, connected: (tunnel: Duplex) => void) {
    this.#address = address;
    this.#credentials = credentials;
    this.#connected = connected;
  }

  /** Opens the tunnel `id`. Beyond what a manager may ask for at a time nothing is done: it does not wait long. */
  open(id: string): void {
    if (this.#ended || this.#open >= tunnelsOfNode) return;
    // A connection of its own: a flood of logs must not stand before a node's beats.
    this.#client ??= new TunnelServiceClient(this.#address, this.#credentials, channelOptions);
    const metadata = new Metadata();
    metadata.set(tunnelKey, id);
    const call = this.#client.open(metadata);
    // A whole one is ended by the manager: to cancel it could cut off what is on its way.
    const cut = (whole: boolean): void => {
      if (!whole) call.cancel();
    };
    const tunnel = tunnelOf(call, { finish: () => call.end(), cut });
    this.#open++;
    tunnel.once('close', () => {
      this.#open--;
      this.#closeLast();
    });
    this.#connected(tunnel);
  }

  /** No more are opened; those that are go on to their end. */
  end(): void {
    this.#ended = true;
    this.#closeLast();
  }

  #closeLast(): void {
    if (!this.#ended || this.#open > 0) return;
    this.#client?.close();
    this.#client = undefined;
  }
}
