/** Asks a manager for roots and certificates. */
import { Metadata, type CallOptions, type ChannelCredentials, type ServiceError } from '@grpc/grpc-js';
import { strangerCredentials } from './credentials.ts';
import { CaServiceClient, type JoinRequest, type JoinResponse, type RenewRequest, type RenewResponse } from './generated/shoal/v1/ca.ts';
import { channelLimits } from './limits.ts';
import { toRefusal } from './refusals.ts';

/** A root is at hand; a node is made by an entry of the log. */
const rootLimitMs = 5000;
const changeLimitMs = 20_000;

/** The root that the manager at `address` names; nothing vouches for it yet. */
export async function fetchRoot(address: string): Promise<string> {
  const { root } = await call<{ root: string }>(address, strangerCredentials(undefined), rootLimitMs, (client, options, answer) =>
    client.getRoots({}, ...options, answer),
  );
  return root;
}

/** What a joiner says; that it comes from elsewhere than the call does only a manager may say. */
export type Joining = Omit<JoinRequest, 'comesFrom'> & { comesFrom?: string };

/** `root` is what the manager's certificate must be signed by. `credentials`: of a manager that asks for another node; absent: it is the joiner who asks. */
export function askToJoin(address: string, root: string, asked: Joining, credentials = strangerCredentials(root)): Promise<JoinResponse> {
  const request = { comesFrom: '', ...asked };
  return call(address, credentials, changeLimitMs, (client, options, answer) => client.join(request, ...options, answer));
}

export function askToRenew(address: string, credentials: ChannelCredentials, request: RenewRequest): Promise<RenewResponse> {
  return call(address, credentials, changeLimitMs, (client, options, answer) => client.renew(request, ...options, answer));
}

type Answer<T> = (error: ServiceError | null, response: T) => void;
type Make<T> = (client: CaServiceClient, options: [Metadata, Partial<CallOptions>], answer: Answer<T>) => void;

async function call<T>(address: string, credentials: ChannelCredentials, limitMs: number, make: Make<T>): Promise<T> {
  const client = new CaServiceClient(address, credentials, channelLimits);
  try {
    return await new Promise<T>((resolve, reject) => {
      const answered: Answer<T> = (error, response) => (error ? reject(toRefusal(error, `the manager at ${address}`)) : resolve(response));
      make(client, [new Metadata(), { deadline: Date.now() + limitMs }], answered);
    });
  } finally {
    client.close();
  }
}
