/** Options of a network's driver (`network create --opt`): those that are carried out, and what is said of the others. */
import { isAddress } from '../address.ts';
import { encryptedOption, networkNumberOption } from '../object/network.ts';

export const mtuOption = 'com.docker.network.driver.mtu';
/** Ends belong to it: Swarm begins with the first, a packet has room for 24 bits; the last of them is that of probes. */
export const networkNumbers = { first: 4096, last: 2 ** 24 - 2 };

/** What is wrong with a value; undefined: nothing. */
type Check = (value: string) => string | undefined;

const within =
  (first: number, last: number): Check =>
  (value) =>
    /^\d{1,9}$/.test(value) && Number(value) >= first && Number(value) <= last ? undefined : `a number from ${first} to ${last} is expected`;

const built: Readonly<Record<string, Check>> = {
  // Less than 68 bytes no host need take.
  [mtuOption]: within(68, 65_535),
  [networkNumberOption]: within(networkNumbers.first, networkNumbers.last),
  // Any value says something: see `isEncrypted`.
  [encryptedOption]: () => undefined,
  'com.docker.network.bridge.enable_ip_masquerade': (value) =>
    /^(true|false|1|0|t|f|T|F|TRUE|FALSE|True|False)$/.test(value) ? undefined : 'true or false is expected',
  'com.docker.network.bridge.host_binding_ipv4': (value) => (isAddress(value) && !value.includes(':') ? undefined : 'an IPv4 address is expected'),
};

/** Known to Docker and not carried out: why. */
const unbuilt: Readonly<Record<string, string>> = {
  'com.docker.network.bridge.name': 'the bridges of cluster networks have names of their own on every node',
  'com.docker.network.bridge.enable_icc': 'containers of a cluster network always reach one another',
};

export type OptionProblem = { kind: 'unimplemented' | 'invalidArgument'; text: string };

/** Why an option cannot be had; undefined when it is carried out. */
export function optionProblem(key: string, value: string): OptionProblem | undefined {
  const check = Object.hasOwn(built, key) ? built[key] : undefined;
  if (check) {
    const wrong = check(value);
    return wrong === undefined ? undefined : { kind: 'invalidArgument', text: `invalid network option ${key}=${value}: ${wrong}` };
  }
  const why = Object.hasOwn(unbuilt, key) ? unbuilt[key] : undefined;
  if (why !== undefined) return { kind: 'unimplemented', text: `network option ${key} is not supported: ${why}` };
  if (key.startsWith('com.docker.network.')) {
    return { kind: 'unimplemented', text: `network option ${key} is not supported: cluster networks have ${Object.keys(built).join(', ')}` };
  }
  return { kind: 'invalidArgument', text: `network option ${key} is not known: cluster networks have ${Object.keys(built).join(', ')}` };
}
