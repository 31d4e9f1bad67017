/** Calls of every method between nodes, bare, with whatever certificate: what is answered to whom. */
import { Client, Metadata, type ChannelCredentials, type ServiceDefinition, type ServiceError } from '@grpc/grpc-js';
import { CaServiceService } from '#rpc/generated/shoal/v1/ca';
import { DispatcherServiceService } from '#rpc/generated/shoal/v1/dispatcher';
import { ForwardServiceService, TunnelServiceService } from '#rpc/generated/shoal/v1/forward';
import { RaftServiceService } from '#rpc/generated/shoal/v1/raft';

export const rpcServices: readonly ServiceDefinition[] = [
  DispatcherServiceService,
  CaServiceService,
  ForwardServiceService,
  TunnelServiceService,
  RaftServiceService,
];
export const rpcMethods = rpcServices.flatMap((service) => Object.values(service));
/** Methods that anybody may call, as the project means it. */
export const openMethods: readonly string[] = ['/shoal.v1.CaService/GetRoots', '/shoal.v1.CaService/Join'];
/** Methods that no worker may call. */
export const managersOnly = ['Entries', 'Pulse', 'Snapshot'].map((name) => `/shoal.v1.RaftService/${name}`).concat('/shoal.v1.ForwardService/Connect');

const limitMs = 30_000;

/** How the call of `path` at `address`, with an empty request, ends: `code details`; of one that succeeds, `0`. */
export async function answerOf(address: string, path: string, credentials: ChannelCredentials): Promise<string> {
  const client = new Client(address, credentials);
  const method = rpcMethods.find((each) => each.path === path);
  const pass = (bytes: Buffer): Buffer => bytes;
  const options = { deadline: Date.now() + limitMs };
  try {
    return await new Promise<string>((resolve) => {
      const answered = (failure: ServiceError | null): void => resolve(failure ? `${failure.code} ${failure.details}` : '0');
      if (method?.responseStream)
        client
          .makeServerStreamRequest(path, pass, pass, Buffer.alloc(0), new Metadata(), options)
          .on('data', () => answered(null))
          .on('end', () => answered(null))
          .on('error', answered);
      else client.makeUnaryRequest(path, pass, pass, Buffer.alloc(0), new Metadata(), options, answered);
    });
  } finally {
    client.close();
  }
}
