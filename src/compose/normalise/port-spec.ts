/** The short form of a published port: `[ip:][published[-end]:]target[-end][/protocol]`. */
import { Refusal } from '#base/refusal';
import { isAddress } from '#model/address';

export interface PortBinding {
  address: string;
  /** First and last published port; undefined: the cluster chooses. */
  published?: Range;
  target: number;
  protocol: string;
}

interface Range {
  first: number;
  last: number;
}

interface PortSpec {
  address: string;
  published: Range | undefined;
  targets: Range;
  protocol: string;
}

/** One binding for each target port. Throws Refusal with go-connections' texts. */
export function parsePortSpec(text: string): PortBinding[] {
  const spec = readPortSpec(text);
  if (typeof spec === 'string') throw new Refusal('invalidArgument', spec);
  const { address, published, targets, protocol } = spec;
  const count = targets.last - targets.first;
  return Array.from({ length: count + 1 }, (_, index) => ({
    address,
    target: targets.first + index,
    protocol,
    ...(published && { published: count === 0 ? published : { first: published.first + index, last: published.first + index } }),
  }));
}

/** The text's parts, or what is wrong with it: said without throwing, for a file may hold very many. */
export function readPortSpec(text: string): PortSpec | string {
  const parts = text.split(':');
  const target = parts.pop() ?? '';
  const publishedText = parts.pop() ?? '';
  const address = parts.join(':').replace(/^\[(.*)\]$/, '$1');
  const [range = '', protocolText = ''] = target.split('/');
  const protocol = (protocolText === '' ? 'tcp' : protocolText).toLowerCase();
  if (address !== '' && !isAddress(address)) return `invalid IP address: ${address}`;
  if (range === '') return `no port specified: ${text}<empty>`;
  const targets = parseRange(range);
  if (!targets) return `invalid containerPort: ${range}`;
  const published = publishedText === '' ? undefined : parseRange(publishedText);
  if (!published && publishedText !== '') return `invalid hostPort: ${publishedText}`;
  if (!['tcp', 'udp', 'sctp'].includes(protocol)) return `invalid proto: ${protocolText}`;
  const count = targets.last - targets.first;
  if (published && count !== published.last - published.first && count !== 0) {
    return `invalid ranges specified for container and host Ports: ${range} and ${publishedText}`;
  }
  return { address, published, targets, protocol };
}

/** `80` or `8000-8010`, both within 16 bits. */
export function parseRange(text: string): Range | undefined {
  const ends = text.split('-');
  if (ends.length > 2 || !ends.every((end) => /^\d+$/.test(end) && Number(end) <= 0xffff)) return undefined;
  const first = Number(ends[0]);
  const last = Number(ends[1] ?? ends[0]);
  return last < first ? undefined : { first, last };
}
