/** Serves certificates: the roots to anybody, a first one for a token, another one to its owner. */
import { isIP } from 'node:net';
import type { sendUnaryData, ServerUnaryCall } from '@grpc/grpc-js';
import type { Clock } from '#base/clock';
import { RateLimit } from '#base/pace/rate-limit';
import { Refusal } from '#base/refusal';
import { sourceOf } from '#model/address';
import { CaServiceService, type CaServiceServer, type JoinRequest, type JoinResponse, type RenewRequest, type RenewResponse } from './generated/shoal/v1/ca.ts';
import { keyShownBy } from './credentials.ts';
import { toServiceError } from './refusals.ts';
import { isManager, type Members } from './authorization.ts';
import { addressOf, callerOf, knownCaller, type RpcServer } from './rpc-server.ts';

/** Fulfilled by whoever leads; each refuses `unavailable` where nobody does. */
export interface CertificateIssuer {
  /** The root that tokens name. */
  root(): Promise<string>;
  /** `address`: where the joiner comes from. Refuses a wrong token with the fact `token`. */
  join(request: JoinRequest, address: string): Promise<JoinResponse>;
  /** `shown`: digest of the key that the node has. */
  certify(nodeId: string, request: RenewRequest, shown: string | undefined): Promise<RenewResponse>;
}

/** Wrong tokens from one address, and the time that they count for. */
const guesses = { limit: 10, windowMs: 10_000 };

export class CaService {
  readonly #issuer: () => CertificateIssuer;
  readonly #clock: Pick<Clock, 'monotonicNow'>;
  readonly #members: Members;
  readonly #wrong = new RateLimit(guesses.limit, guesses.windowMs);

  constructor(issuer: () => CertificateIssuer, clock: Pick<Clock, 'monotonicNow'>, members: Members) {
    this.#members = members;
    this.#issuer = issuer;
    this.#clock = clock;
  }

  addTo(server: RpcServer): void {
    server.add(CaServiceService, this.#handlers());
  }

  #handlers(): CaServiceServer {
    return {
      getRoots: answering(async () => ({ root: await this.#issuer().root() })),
      join: answering((call) => this.#join(call)),
      renew: answering((call) => this.#issuer().certify(callerOf(call).nodeId, call.request, keyShownBy(call))),
    };
  }

  /** A manager that does not lead hands a joiner's words on: wrong guesses are the joiner's, and not its. */
  #comesFrom(call: ServerUnaryCall<JoinRequest, JoinResponse>): string {
    const { comesFrom } = call.request;
    if (isIP(comesFrom) !== 0 && isManager(knownCaller(call), this.#members)) return comesFrom;
    return addressOf(call.getPeer()).address ?? '';
  }

  async #join(call: ServerUnaryCall<JoinRequest, JoinResponse>): Promise<JoinResponse> {
    const address = this.#comesFrom(call);
    const source = sourceOf(address);
    const waitMs = this.#wrong.waitMs(source, this.#clock.monotonicNow());
    if (waitMs > 0) {
      throw new Refusal('permissionDenied', `too many wrong join tokens came from ${address}: try again in ${Math.ceil(waitMs / 1000)} seconds`);
    }
    try {
      return await this.#issuer().join(call.request, address);
    } catch (error) {
      if (error instanceof Refusal && error.facts['token'] !== undefined) this.#wrong.count(source, this.#clock.monotonicNow());
      throw error;
    }
  }
}

function answering<Request, Response>(work: (call: ServerUnaryCall<Request, Response>) => Promise<Response>) {
  return (call: ServerUnaryCall<Request, Response>, answer: sendUnaryData<Response>): void => {
    Promise.resolve(call)
      .then(work)
      .then(
        (response) => answer(null, response),
        (error: unknown) => answer(toServiceError(error)),
      );
  };
}
