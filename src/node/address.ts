/** Which address others reach this node by. */
import { networkInterfaces } from 'node:os';
import { Refusal } from '#base/refusal';

interface Candidate {
  name: string;
  address: string;
}

/** Bridges and cables that engines make are no way in. */
const internalNames = /^(lo|docker|br-|veth|sh-|virbr|tun|tap)/;

/**
 * The address in `asked` (ADDRESS[:PORT] or an interface's name), or the only one that the host has.
 * Refuses when there is a choice to make.
 */
export function advertisedAddress(asked: string, interfaces = networkInterfaces()): string {
  const candidates = Object.entries(interfaces).flatMap(([name, addresses]): Candidate[] =>
    (addresses ?? []).filter((address) => address.family === 'IPv4' && !address.internal).map(({ address }) => ({ name, address })),
  );
  const wanted = asked.replace(/:\d+$/, '');
  if (wanted !== '' && wanted !== '0.0.0.0') {
    const named = candidates.find((candidate) => candidate.name === wanted);
    if (named) return named.address;
    if (/^\d{1,3}(\.\d{1,3}){3}$/.test(wanted)) return wanted;
    throw new Refusal('invalidArgument', `invalid advertise address "${asked}": give an address or the name of an interface`);
  }
  const outer = candidates.filter((candidate) => !internalNames.test(candidate.name));
  if (outer.length > 1) {
    const choices = outer.map(({ name, address }) => `${address} on ${name}`).join(', ');
    throw new Refusal('invalidArgument', `could not choose an IP address to advertise since this system has multiple addresses (${choices})`);
  }
  return outer[0]?.address ?? '127.0.0.1';
}
