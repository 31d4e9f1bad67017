/** Fetches a package from where a repository says that it lies. Nothing of it is trusted before its digest is known. */
import { createHash } from 'node:crypto';
import { Refusal } from '#base/refusal';

export interface FetchLimits {
  bytes: number;
  ms: number;
}

const fetchLimits: FetchLimits = { bytes: 64 * 1024 * 1024, ms: 5 * 60_000 };
const mostRedirects = 5;

/** Refuses `unavailable` what may come another time, and by name what never will. `url` is public: nothing secret is sent. */
export async function fetchPackage(url: string, digest: string, signal: AbortSignal, limits = fetchLimits): Promise<Buffer> {
  const timed = AbortSignal.any([signal, AbortSignal.timeout(limits.ms)]);
  const bytes = await fetched(url, timed, limits).catch((error: unknown) => {
    if (error instanceof Refusal) throw error;
    if (signal.aborted) throw new Refusal('unavailable', 'another release is wanted by now');
    if (timed.aborted) throw new Refusal('unavailable', `${url} was not fetched within ${limits.ms / 1000} seconds`);
    const { cause, message } = error as Error;
    throw new Refusal('unavailable', `${url} cannot be fetched: ${cause instanceof Error ? cause.message : message}`);
  });
  const found = createHash('sha256').update(bytes).digest('hex');
  if (found !== digest)
    throw new Refusal('failedPrecondition', `what lies at ${url} has the SHA-256 ${found}, and ${digest} is wanted: nothing of it was unpacked`);
  return bytes;
}

async function fetched(url: string, signal: AbortSignal, limits: FetchLimits): Promise<Buffer> {
  const response = await followed(url, signal);
  if (response.status !== 200 || !response.body) {
    await response.body?.cancel();
    throw new Refusal(
      response.status >= 500 || response.status === 429 ? 'unavailable' : 'failedPrecondition',
      `${url} is answered with status ${response.status}`,
    );
  }
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of response.body) {
    length += part.length;
    // Leaving the loop ends the connection.
    if (length > limits.bytes) throw new Refusal('failedPrecondition', `${url} is longer than the ${limits.bytes} bytes that a package may have`);
    parts.push(part);
  }
  return Buffer.concat(parts);
}

/** By the same host alone: whoever answers there says what is fetched, and not which of our neighbours are asked. */
async function followed(url: string, signal: AbortSignal): Promise<Response> {
  let at = new URL(url);
  for (let count = 0; count <= mostRedirects; count++) {
    // Packed once more on the way, it would be another archive.
    const response = await fetch(at.href, { redirect: 'manual', signal, headers: { 'Accept-Encoding': 'identity', 'User-Agent': 'shoal' } });
    const location = response.headers.get('location');
    if (response.status < 300 || response.status > 399 || location === null) return response;
    await response.body?.cancel();
    const next = URL.canParse(location, at.href) ? new URL(location, at.href) : undefined;
    if (!next || next.host !== at.host || next.protocol !== at.protocol)
      throw new Refusal('failedPrecondition', `${url} leads to another place (${next?.origin ?? 'no address'}): name the package's own address`);
    at = next;
  }
  throw new Refusal('failedPrecondition', `${url} leads from one place to the next more than ${mostRedirects} times`);
}
