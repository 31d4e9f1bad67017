/** Entering a cluster by token: trust by the token's digest, a certificate by its secret. */
import { type Clock, pause } from '#base/clock';
import { Refusal } from '#base/refusal';
import { identityOf } from '#ca/certificate';
import { greetingOf } from '#ca/greeting';
import { digestOfToken, rootDigest } from '#ca/join-token';
import { hasExpired } from '#ca/renewal';
import type { NodeCertificate } from '#identity/certificate-files';
import { certificates } from '#identity/certificates';
import { hostPort, managerPort } from '#model/manager-address';
import type { NodeDescription } from '#model/object/node';
import { swarmTexts } from '#model/swarm-texts';
import { JoinersLine } from '#rpc/ca-client';
import type { Entering } from '../member/entering.ts';
import type { Greeter } from '#rpc/greeter';
import { managerFault } from './manager-fault.ts';

export interface JoinOptions {
  /** No node is made of this host before that has resolved. */
  fit: Promise<void>;
  /** HOST:PORT of managers; without port the usual one. */
  remotes: readonly string[];
  token: string;
  availability: 'active' | 'pause' | 'drain';
  advertised: string;
  /** Id or name of a node that is lost and whose place this one takes; empty: none. */
  replaces: string;
  /** Why it cannot listen as a manager; empty: it can. */
  unheard: string;
  /** Listens where it would be a manager, until this has ended; absent: it cannot. */
  greeter?: Greeter;
  /** What the engine says of itself: asked for while a manager's answer is on its way. */
  describe?: () => Promise<NodeDescription>;
}

export interface JoinedNode {
  nodeId: string;
  role: 'manager' | 'worker';
  managers: readonly string[];
  files: NodeCertificate;
  /** Of the managers as a group. */
  incarnation: number;
  entering: Entering;
}

const retryMs = 500;
/** A manager that is just starting refuses connections for a while. */
const refusedLimitMs = 5000;

/** Tries until it has joined, is refused, or `signal`: an address that is silent may be one that comes back. */
export async function joinCluster(options: JoinOptions, clock: Clock, signal: AbortSignal): Promise<JoinedNode> {
  const close = (): Promise<void> | undefined => options.greeter?.close();
  // Who gave up may begin again at once, at the same address.
  const onAbort = (): void => void close();
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await tryAll(options, clock, signal);
  } finally {
    signal.removeEventListener('abort', onAbort);
    await close();
  }
}

async function tryAll(options: JoinOptions, clock: Clock, signal: AbortSignal): Promise<JoinedNode> {
  const key = certificates.newKey();
  const prepared = Promise.all([certificates.request(key), options.fit]).then(([request]) => {
    options.greeter?.greet(greetingOf(request));
    return request;
  });
  // Nobody may come to ask for it.
  prepared.catch(() => undefined);
  const digest = digestOfToken(options.token);
  // Without a token it is the managers who refuse: whether they are there is told first.
  if (digest === undefined && options.token !== '') throw new Refusal('invalidArgument', 'invalid join token', { plain: true });
  let giveUpAt = clock.monotonicNow() + refusedLimitMs;
  for (;;) {
    let waiting = false;
    let failure: unknown;
    for (const remote of options.remotes.map(withPort)) {
      try {
        return await askOne(remote, { ...options, digest, key, prepared }, clock, signal);
      } catch (error) {
        signal.throwIfAborted();
        failure = explained(remote, error);
        if (!mayPass(error)) throw failure;
        if (!isRefusedConnection(remote, error)) waiting = true;
      }
    }
    const now = clock.monotonicNow();
    // Nobody listens at any of the addresses: that is no silence. Where somebody did a moment ago he may be starting again.
    if (!waiting && now >= giveUpAt) throw failure;
    if (waiting) giveUpAt = now + refusedLimitMs;
    await pause(clock, retryMs, signal);
    signal.throwIfAborted();
  }
}

interface Asking extends JoinOptions {
  digest: string | undefined;
  key: string;
  /** The request for a certificate. */
  prepared: Promise<string>;
}

async function askOne(remote: string, asking: Asking, clock: Clock, signal: AbortSignal): Promise<JoinedNode> {
  const line = new JoinersLine(remote);
  try {
    return await askOver(line, remote, asking, clock, signal);
  } finally {
    line.close();
  }
}

async function askOver(
  line: JoinersLine,
  remote: string,
  { digest, key, prepared, token, availability, advertised, replaces, unheard, greeter, describe }: Asking,
  clock: Clock,
  signal: AbortSignal,
): Promise<JoinedNode> {
  const [root, request] = await Promise.all([line.root(), prepared]);
  // Who gave up meanwhile shall not become a node that nobody is.
  signal.throwIfAborted();
  if (digest === undefined) throw new Refusal('invalidArgument', swarmTexts.needsToken);
  if (rootDigest(root) !== digest) throw new Refusal('invalidArgument', `remote CA does not match fingerprint. Expected: ${hexOf(digest)}`);
  line.judgeBy((shown) => managerFault(shown, root, clock.now()));
  const answer = line.join({ request, token, availability, advertised, replaces, unheard, greets: greeter !== undefined });
  const described = describe?.();
  // Who asks the engine again hears why.
  described?.catch(() => undefined);
  const { certificate, roots, nodeId, managers, incarnation } = await answer;
  const fault = certificates.fault(certificate, key, roots);
  if (fault !== undefined) throw new Refusal('failedPrecondition', `the manager at ${remote} sent no good certificate: ${fault}`);
  const { subject, validity } = certificates.read(certificate);
  const identity = identityOf(subject);
  if (identity?.nodeId !== nodeId) throw new Refusal('failedPrecondition', `the manager at ${remote} sent a certificate of another node`);
  if (validity.notBefore > clock.now() || hasExpired(validity, clock.now())) throw wrongClock(remote);
  // The one that was asked is known to be reached from here.
  const others = managers.filter((address) => address !== remote);
  return {
    nodeId,
    role: identity.role,
    managers: [remote, ...others],
    files: { certificate, key, roots },
    incarnation: incarnation || 1,
    entering: { leader: managers[0], described },
  };
}

function withPort(address: string): string {
  if (/^\[.*\]:\d+$|^[^:]+:\d+$/.test(address)) return address;
  return hostPort(address.replaceAll(/[[\]]/g, ''), managerPort);
}

/** What a manager decided stays; a line that failed may be there the next time. */
function mayPass(error: unknown): boolean {
  return error instanceof Refusal && error.code === 'unavailable' && !isClockFault(error);
}

/** By the host of `remote` itself: what a manager says of others whom it does not reach is its answer. */
function isRefusedConnection(remote: string, error: unknown): boolean {
  const { message } = error as Error;
  return message.startsWith(`the manager at ${remote} does not answer: `) && message.includes('ECONNREFUSED');
}

function isClockFault(error: Error): boolean {
  return /not yet valid|CERT_NOT_YET_VALID|has expired|CERT_HAS_EXPIRED/.test(error.message);
}

function explained(remote: string, error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  if (isClockFault(error)) return wrongClock(remote);
  if (!isRefusedConnection(remote, error)) return error;
  const text = `connection error: desc = "transport: Error while dialing: dial tcp ${remote}: connect: connection refused"`;
  return new Refusal('unavailable', `rpc error: code = Unavailable desc = ${text}`);
}

function wrongClock(remote: string): Refusal {
  return new Refusal(
    'failedPrecondition',
    `certificates of the manager at ${remote} are not good by the clock of this node: set the clocks of both to the same time`,
  );
}

function hexOf(digest: string): string {
  let number = 0n;
  for (const digit of digest) number = number * 36n + BigInt(Number.parseInt(digit, 36));
  return number.toString(16).padStart(64, '0');
}
