/** Fetches a package from where a repository says that it lies. Nothing of it is trusted before its digest is known. */
import { createHash } from 'node:crypto';
import { lookup } from 'node:dns';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { isIP, type LookupFunction } from 'node:net';
import { Refusal } from '#base/refusal';
import { isPublic } from './address-kind.ts';

export interface FetchLimits {
  bytes: number;
  ms: number;
  /** Whether an address is one of the Internet. */
  isPublic: (address: string) => boolean;
}

const fetchLimits: FetchLimits = { bytes: 64 * 1024 * 1024, ms: 5 * 60_000, isPublic };
const mostRedirects = 5;
const longestOrigin = 200;

/** Refuses `unavailable` what may come another time, and by name what never will. `url` is public: nothing secret is sent. */
export async function fetchPackage(url: string, digest: string, signal: AbortSignal, limits = fetchLimits): Promise<Buffer> {
  const timed = AbortSignal.any([signal, AbortSignal.timeout(limits.ms)]);
  const bytes = await fetched(url, timed, limits).catch((error: unknown) => {
    if (error instanceof Refusal) throw error;
    if (signal.aborted) throw new Refusal('unavailable', 'another release is wanted by now');
    if (timed.aborted) throw new Refusal('unavailable', `${url} was not fetched within ${limits.ms / 1000} seconds`);
    throw new Refusal('unavailable', `${url} cannot be fetched: ${(error as Error).message}`);
  });
  const found = createHash('sha256').update(bytes).digest('hex');
  if (found !== digest)
    throw new Refusal('failedPrecondition', `what lies at ${url} has the SHA-256 ${found}, and ${digest} is wanted: nothing of it was unpacked`);
  return bytes;
}

async function fetched(url: string, signal: AbortSignal, limits: FetchLimits): Promise<Buffer> {
  const response = await followed(url, signal, limits);
  const { statusCode: status = 0 } = response;
  if (status !== 200) {
    response.destroy();
    throw new Refusal(status >= 500 || status === 429 ? 'unavailable' : 'failedPrecondition', `${url} is answered with status ${status}`);
  }
  const parts: Buffer[] = [];
  let length = 0;
  for await (const part of response as AsyncIterable<Buffer>) {
    length += part.length;
    // Leaving the loop ends the connection.
    if (length > limits.bytes) throw new Refusal('failedPrecondition', `${url} is longer than the ${limits.bytes} bytes that a package may have`);
    parts.push(part);
  }
  return Buffer.concat(parts);
}

/** To other hosts over https alone, as stores of releases send on to where their files lie: whoever answers there says what is fetched, which the digest judges, and not which neighbours of ours are asked. */
async function followed(url: string, signal: AbortSignal, limits: FetchLimits): Promise<IncomingMessage> {
  let at = new URL(url);
  let publicOnly = false;
  for (let count = 0; count <= mostRedirects; count++) {
    const response = await asked(at, (address) => !publicOnly || limits.isPublic(address), signal);
    const from = response.socket.remoteAddress;
    // A connection that is gone already does not say where it led.
    publicOnly ||= from === undefined || limits.isPublic(from);
    const { statusCode: status = 0, headers } = response;
    if (status < 300 || status > 399 || headers.location === undefined) return response;
    response.destroy();
    const next = URL.canParse(headers.location, at.href) ? new URL(headers.location, at.href) : undefined;
    if (!next || (next.protocol !== 'https:' && (next.host !== at.host || next.protocol !== at.protocol)))
      throw new Refusal(
        'failedPrecondition',
        `${url} leads to another place without https (${next?.origin.slice(0, longestOrigin) ?? 'no address'}): name the package's own address`,
      );
    at = next;
  }
  throw new Refusal('failedPrecondition', `${url} leads from one place to the next more than ${mostRedirects} times`);
}

/** What came from the Internet leads to no address of somebody's own network, whatever its name says: the address that is judged is the one that is asked. */
function asked(at: URL, may: (address: string) => boolean, signal: AbortSignal): Promise<IncomingMessage> {
  const barred = (address: string): Refusal | undefined =>
    may(address)
      ? undefined
      : new Refusal(
          'failedPrecondition',
          `${at.host.slice(0, longestOrigin)} is ${address}, to which no place in the Internet may lead: name the package's own address`,
        );
  // An address in the place of a name is looked up by nobody.
  const named = at.hostname.replace(/^\[|\]$/g, '');
  const direct = isIP(named) === 0 ? undefined : barred(named);
  if (direct) return Promise.reject(direct);
  const judged: LookupFunction = (name, options, done) =>
    lookup(name, { ...options, all: true }, (error, found) => {
      const trouble = error ?? found.map(({ address }) => barred(address)).find((each) => each !== undefined);
      const [first] = found ?? [];
      if (trouble || !first) return done(trouble ?? new Error(`${name} has no address`), '');
      return options.all ? done(null, found) : done(null, first.address, first.family);
    });
  return new Promise((resolve, reject) => {
    // Packed once more on the way, it would be another archive.
    const headers = { 'Accept-Encoding': 'identity', 'User-Agent': 'shoal' };
    const request = (at.protocol === 'https:' ? httpsRequest : httpRequest)(at, { agent: false, headers, lookup: judged, signal }, resolve);
    request.on('error', reject);
    request.end();
  });
}
