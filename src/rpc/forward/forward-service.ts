/** Takes other managers' requests: each is a connection to this one's API. */
import type { Duplex } from 'node:stream';
import { Metadata } from '@grpc/grpc-js';
import { ForwardServiceService, type ForwardServiceServer } from '../generated/shoal/v1/forward.ts';
import type { RpcServer } from '../rpc-server.ts';
import { tunnelOf } from './tunnel.ts';

/** @param connected is given each connection; who calls is a manager by its certificate */
export function addForwardService(server: RpcServer, connected: (connection: Duplex) => void): void {
  const handlers: ForwardServiceServer = {
    connect: (call) => {
      call.sendMetadata(new Metadata());
      connected(tunnelOf(call, { finish: () => call.end(), cut: () => call.end() }));
    },
  };
  server.add(ForwardServiceService, handlers);
}
