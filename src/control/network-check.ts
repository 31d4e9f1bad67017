/** What a network may ask for: options that are carried out, and addresses that fit together. */
import { equal } from '#base/equal';
import { Refusal } from '#base/refusal';
import { counted } from '#base/text/human';
import { parsePrefix } from '#model/address';
import { addressNumber, hostsOf, overlaps, parseSubnet, type Subnet } from '#model/ipv4';
import { encryptedOption, isEncrypted, networkNumberOption, networkNumber, serialOption, type NetworkSpec } from '#model/object/network';
import { addressesOf, canEncrypt, isStillToSay, lackOf } from '#model/object/node';
import { optionProblem } from '#model/options/network-options';
import type { View } from '#store/view';
import { checkAddress, checkSubnet } from './addresses.ts';

/** The others are counted. */
const nodesNamed = 4;

type Config = NonNullable<NonNullable<NetworkSpec['IPAM']>['Config']>[number];

/**
 * What of a network that is there is not as `wanted` says, in the words of a stack file; undefined: all of it holds.
 * What is not asked for may have been chosen for it: addresses, numbers.
 */
export function settingApart(present: NetworkSpec, wanted: NetworkSpec): string | undefined {
  if ((wanted.Driver || 'overlay') !== (present.Driver || 'overlay')) return 'driver';
  for (const key of ['Internal', 'Attachable', 'EnableIPv6'] as const) {
    if ((wanted[key] ?? false) !== (present[key] ?? false)) return fileWords[key];
  }
  if (isEncrypted({ Spec: wanted }) !== isEncrypted({ Spec: present })) return `driver_opts.${encryptedOption}`;
  for (const [key, value] of Object.entries(wanted.Options ?? {})) {
    if (key !== encryptedOption && present.Options?.[key] !== value) return `driver_opts.${key}`;
  }
  for (const [key, value] of Object.entries(wanted.IPAM?.Options ?? {})) {
    if (key !== serialOption && present.IPAM?.Options?.[key] !== value) return `ipam.options.${key}`;
  }
  const theirs = present.IPAM?.Config ?? [];
  const holds = (config: Config): boolean => theirs.some((each) => isPartOf(config, each));
  return (wanted.IPAM?.Config ?? []).every(holds) ? undefined : 'ipam.config';
}

const fileWords = { Internal: 'internal', Attachable: 'attachable', EnableIPv6: 'enable_ipv6' } as const;

/** Whether all that `part` says stands in `whole`. */
function isPartOf(part: Config, whole: Config): boolean {
  return Object.entries(part).every(([key, value]) => !value || equal(value, whole[key as keyof Config]));
}

/** Refuses driver options that nobody carries out, and a number that another network has. */
export function checkOptions(view: View, { Options = {} }: NetworkSpec): void {
  for (const [key, value] of Object.entries(Options)) {
    const problem = optionProblem(key, value);
    if (problem) throw new Refusal(problem.kind, problem.text, { plain: true });
  }
  if (isEncrypted({ Spec: { Options } })) checkEncryption(view);
  const number = Options[networkNumberOption];
  if (number === undefined) return;
  for (const other of view.list('network')) {
    const held = networkNumber(other) ?? other.Spec.Options?.[networkNumberOption];
    if (String(held) === String(Number(number))) {
      throw new Refusal('alreadyExists', `invalid network option ${networkNumberOption}=${number}: network ${other.Spec.Name} has that number`, {
        plain: true,
      });
    }
  }
}

/** Refuses where some node had no part in the network. One that has just come is as one that joins later: it gets tasks of it once it has said that it can encrypt. */
function checkEncryption(view: View): void {
  const lacking = [...view.list('node')].flatMap((node) =>
    canEncrypt(node) || isStillToSay(node) ? [] : [`${node.Description?.Hostname || node.ID} (${lackOf(node)})`],
  );
  if (lacking.length === 0) return;
  const more = lacking.length > nodesNamed ? ` and ${counted(lacking.length - nodesNamed, 'other')}` : '';
  throw new Refusal('failedPrecondition', `network option ${encryptedOption}: these nodes cannot encrypt: ${lacking.slice(0, nodesNamed).join('; ')}${more}`, {
    plain: true,
  });
}

/** Refuses addresses that cannot be given: a network has one subnet, of version 4, and all that is said of it lies inside. */
export function checkIpam(view: View, { Name, EnableIPv6, IPAM }: NetworkSpec): void {
  if (EnableIPv6) throw unbuilt('EnableIPv6 is not supported: networks of the cluster have addresses of version 4');
  if (IPAM?.Driver && IPAM.Driver !== 'default') throw unbuilt(`IPAM.Driver ${IPAM.Driver} is not supported: the cluster gives addresses itself`);
  // The cluster's own way of giving addresses knows this one alone, as Swarm's does; the others are kept and shown.
  const serial = IPAM?.Options?.[serialOption] ?? 'true';
  if (serial !== 'true') throw unbuilt(`IPAM.Options ${serialOption}=${serial} is not supported: addresses are given one after the other`);
  const configs = IPAM?.Config ?? [];
  for (const config of configs) checkConfig(config);
  for (const { Subnet } of configs) checkPlace(view, Subnet ?? '');
  for (const { Subnet } of configs) checkPool(view, Name, Subnet ?? '');
  if (configs.length > 1) throw unbuilt(`IPAM.Config with ${configs.length} subnets is not supported: a network of the cluster has one`);
}

function checkConfig({ Subnet, IPRange, Gateway, AuxiliaryAddresses = {} }: Config): void {
  if (!Subnet || !parsePrefix(Subnet))
    throw new Refusal('invalidArgument', `Invalid subnet ${Subnet ?? ''} : invalid CIDR address: ${Subnet ?? ''}`, { plain: true });
  checkSubnet('range', IPRange);
  checkAddress('gateway', Gateway);
  for (const address of Object.values(AuxiliaryAddresses)) checkAddress('auxiliary address', address);
  const subnet = parseSubnet(Subnet);
  if (!subnet) throw unbuilt(`IPAM.Config subnet ${Subnet} is not supported: networks of the cluster have addresses of version 4`);
  checkInside(subnet, Subnet, 'gateway', Gateway);
  for (const [name, address] of Object.entries(AuxiliaryAddresses)) checkInside(subnet, Subnet, `auxiliary address ${name}`, address);
  const range = parseSubnet(IPRange);
  if (IPRange && (!range || range.first < subnet.first || range.last > subnet.last)) throw outside('range', IPRange, Subnet);
}

/** What no host can reach over a line, and so no container. */
const special: readonly (readonly [string, string])[] = [
  ['0.0.0.0/8', 'addresses of nobody'],
  ['127.0.0.0/8', "every host's own loopback"],
  ['169.254.0.0/16', 'link-local addresses'],
  ['224.0.0.0/3', 'addresses of groups'],
];

/** A node would take its own network, or another node, for the bridge's: it had no way to them any more. */
function checkPlace(view: View, text: string): void {
  const subnet = parseSubnet(text);
  if (!subnet) return;
  const taken = special.find(([each]) => overlaps(parseSubnet(each) as Subnet, subnet));
  if (taken) throw refused(`ipam configuration: subnet ${text} overlaps with ${taken[0]}, ${taken[1]}`);
  for (const node of view.list('node')) {
    for (const address of addressesOf(node)) {
      const number = addressNumber(address) ?? -1;
      if (number < subnet.first || number > subnet.last || node.Status.State === 'down') continue;
      throw refused(
        `ipam configuration: subnet ${text} holds ${address}, the address of node ${node.Description?.Hostname || node.ID}: nodes that have the network could not reach it any more`,
      );
    }
  }
}

/** Nobody could ever give it: another network has it, or the engine of a node, which makes no second bridge for what it uses already. */
function checkPool(view: View, name: string, text: string): void {
  const subnet = parseSubnet(text);
  const within = (other: string | undefined): boolean => {
    const range = subnet && parseSubnet(other);
    return range !== undefined && overlaps(range, subnet as Subnet);
  };
  for (const network of view.list('network')) {
    if (network.Spec.Name === name) continue;
    const held = network.IPAMOptions?.Configs ?? network.Spec.IPAM?.Config ?? [];
    const other = held.find((config) => within(config.Subnet));
    if (other) throw poolTaken(`${text} overlaps with ${other.Subnet} of network ${network.Spec.Name}`);
  }
  for (const { ID, Status, Description } of view.list('node')) {
    const other = Status.State === 'down' ? undefined : Description?.Shoal?.EngineSubnets?.find(within);
    if (other !== undefined) throw poolTaken(`${text} overlaps with ${other}, which a network of the engine has on node ${Description?.Hostname || ID}`);
  }
}

/** In Docker's words, and which one it is. */
function poolTaken(which: string): Refusal {
  return new Refusal('permissionDenied', `invalid pool request: Pool overlaps with other one on this address space: ${which}`, { plain: true });
}

function checkInside(subnet: Subnet, text: string, what: string, address: string | undefined): void {
  if (!address) return;
  const number = addressNumber(address);
  const hosts = hostsOf(subnet);
  if (number === undefined || number < subnet.first || number > subnet.last) throw outside(what, address, text);
  if (number < hosts.first || number > hosts.last) throw refused(`ipam configuration: ${what} ${address} is no address of a host in subnet ${text}`);
}

function outside(what: string, text: string, subnet: string): Refusal {
  return refused(`ipam configuration: subnet ${subnet} does not contain ${what} ${text}`);
}

function refused(text: string): Refusal {
  return new Refusal('invalidArgument', text);
}

function unbuilt(text: string): Refusal {
  return new Refusal('unimplemented', text, { plain: true });
}
