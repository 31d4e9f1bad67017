/** Connections to the API of another manager. */
import type { Duplex } from 'node:stream';
import { clientCredentials, type LiveTls } from '../credentials.ts';
import { ForwardServiceClient } from '../generated/shoal/v1/forward.ts';
import { channelOptions } from '../channel-options.ts';
import { tunnelOf } from './tunnel.ts';

/** A leader that hands on its work answers what it was asked; one of whom nothing came at so many looks in a row does not. */
const lookMs = 300;
const silentLooks = 4;

export class ForwardClient {
  readonly #tls: () => LiveTls | undefined;
  /** The leader that was spoken to last: there is one at a time. */
  #last: { readonly id: string; readonly address: string; readonly client: ForwardServiceClient } | undefined;

  /** @param tls what this manager shows; undefined while it has no certificate */
  constructor(tls: () => LiveTls | undefined) {
    this.#tls = tls;
  }

  /**
   * A connection to the manager `id` at `address`; what is wrong shows itself on it. Undefined without a certificate.
   * @param leads false once this node knows of another leader: where that manager is silent then, the connection breaks
   */
  open(id: string, address: string, leads: () => boolean): Duplex | undefined {
    const tls = this.#tls();
    if (!tls) return undefined;
    if (this.#last?.id !== id || this.#last.address !== address) {
      this.close();
      this.#last = { id, address, client: new ForwardServiceClient(address, clientCredentials(tls, id), options) };
    }
    const call = this.#last.client.connect();
    const tunnel = tunnelOf(call, { finish: () => call.end(), cut: () => call.cancel() });
    const heard = this.#endWithLeader(tunnel, leads);
    call.on('data', heard);
    return tunnel;
  }

  /** A host that lost its power or its link resets nothing, and the line to it ends only when the kernel gives it up: whoever waits is let go when another manager leads, for the next one to be asked. Returns what says that something came. */
  #endWithLeader(tunnel: Duplex, leads: () => boolean): () => void {
    let silent = 0;
    const timer = setInterval(() => {
      // Of a reader who is slow nothing is asked, so nothing comes.
      silent = leads() || tunnel.readableLength > 0 ? 0 : silent + 1;
      if (silent === silentLooks) tunnel.destroy(new Error('this manager leads no longer, and is silent'));
    }, lookMs).unref();
    tunnel.once('close', () => clearInterval(timer));
    return () => void (silent = 0);
  }

  close(): void {
    this.#last?.client.close();
    this.#last = undefined;
  }
}

/** What the leader may send before it hears that it was taken: a list of a thousand nodes is a megabyte, and 64 KiB at a time were as many waits for two busy processes. Of each that is read slowly so much is held. */
const windowBytes = 1024 * 1024;

/** A leader that is gone is found out before a client loses patience. */
const options = {
  ...channelOptions,
  'grpc-node.flow_control_window': windowBytes,
  'grpc.keepalive_time_ms': 2000,
  'grpc.keepalive_timeout_ms': 2000,
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 1000,
};
