/** Asks a manager for roots and certificates. */
import { Metadata, type CallOptions, type ChannelCredentials, type ServiceError } from '@grpc/grpc-js';
import { assert } from '#base/assert';
import { Refusal } from '#base/refusal';
import { JoinerCredentials, strangerCredentials, type Judge } from './credentials.ts';
import { CaServiceClient, type JoinRequest, type JoinResponse, type RenewRequest, type RenewResponse } from './generated/shoal/v1/ca.ts';
import { channelOptions } from './channel-options.ts';
import { toRefusal } from './refusals.ts';

/** A root is at hand; a node is made by an entry of the log. */
const rootLimitMs = 5000;
const changeLimitMs = 20_000;

/** What who has a token says to one manager, over one connection: a handshake is half of what a join costs its manager. */
export class JoinersLine {
  readonly #address: string;
  readonly #credentials = new JoinerCredentials();
  readonly #client: CaServiceClient;
  #judged = false;

  constructor(address: string) {
    this.#address = address;
    this.#client = new CaServiceClient(address, this.#credentials, channelOptions);
  }

  /** The root that the manager names; nothing vouches for it yet. */
  async root(): Promise<string> {
    const { root } = await ask<{ root: string }>(this.#address, rootLimitMs, (options, answer) => this.#client.getRoots({}, ...options, answer));
    return root;
  }

  /** Before `join`: only whom `judge` believes hears the token. Refuses `unavailable` who is at the other end now, with what it says. */
  judgeBy(judge: Judge): void {
    this.#judged = true;
    try {
      this.#credentials.judgeBy(judge);
    } catch (error) {
      throw new Refusal('unavailable', `the manager at ${this.#address}: ${(error as Error).message}`);
    }
  }

  join(asked: Joining): Promise<JoinResponse> {
    assert(this.#judged, 'a token is told to nobody who was not judged');
    return ask(this.#address, changeLimitMs, (options, answer) => this.#client.join({ ...unsaid, ...asked }, ...options, answer));
  }

  close(): void {
    this.#client.close();
  }
}

/**
 * The root that the manager at `address` names.
 * @internal
 */
export async function fetchRoot(address: string): Promise<string> {
  const line = new JoinersLine(address);
  return await line.root().finally(() => line.close());
}

/** What a joiner says; that it comes from elsewhere than the call does only a manager may say. */
export type Joining = Omit<JoinRequest, keyof typeof unsaid> & Partial<typeof unsaid>;

const unsaid = { comesFrom: '', greets: false };

/** `root` is what the manager's certificate must be signed by. `credentials`: of a manager that asks for another node; absent: it is the joiner who asks. */
export function askToJoin(address: string, root: string, asked: Joining, credentials = strangerCredentials(root)): Promise<JoinResponse> {
  const request = { ...unsaid, ...asked };
  return call(address, credentials, changeLimitMs, (client, options, answer) => client.join(request, ...options, answer));
}

/** Asks one after the other until one answers, or refuses `failedPrecondition` as a leader alone does; else what each of them said is why there is none. */
export async function askAnyToRenew(managers: readonly string[], credentials: ChannelCredentials, request: RenewRequest): Promise<RenewResponse> {
  const said = new Set<string>();
  for (const manager of managers) {
    try {
      return await askToRenew(manager, credentials, request);
    } catch (error) {
      if (!(error instanceof Refusal) || error.code === 'failedPrecondition') throw error;
      said.add(error.message);
    }
  }
  throw new Refusal('unavailable', said.size === 0 ? 'this node knows no manager' : [...said].join('; '));
}

/** @internal */
export function askToRenew(address: string, credentials: ChannelCredentials, request: RenewRequest): Promise<RenewResponse> {
  return call(address, credentials, changeLimitMs, (client, options, answer) => client.renew(request, ...options, answer));
}

type Answer<T> = (error: ServiceError | null, response: T) => void;
type Call<T> = (options: [Metadata, Partial<CallOptions>], answer: Answer<T>) => void;
type Make<T> = (client: CaServiceClient, ...rest: Parameters<Call<T>>) => void;

async function call<T>(address: string, credentials: ChannelCredentials, limitMs: number, make: Make<T>): Promise<T> {
  const client = new CaServiceClient(address, credentials, channelOptions);
  return await ask<T>(address, limitMs, (...rest) => make(client, ...rest)).finally(() => client.close());
}

function ask<T>(address: string, limitMs: number, make: Call<T>): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const answered: Answer<T> = (error, response) => (error ? reject(toRefusal(error, `the manager at ${address}`)) : resolve(response));
    make([new Metadata(), { deadline: Date.now() + limitMs }], answered);
  });
}
