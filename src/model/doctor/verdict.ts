/** What the packets that arrived say of the ways between nodes. */
import { managerAddress, placeParts, roleOf } from '../manager-address.ts';
import type { Network } from '../object/network.ts';
import { canEncrypt, lackOf, type Node } from '../object/node.ts';
import type { DoctorPeer, Finding, Heard, Listening } from './examination.ts';

/** A node that took part: as others know it, and as it was when it began to listen. */
export interface Participant extends DoctorPeer {
  listening: Listening;
  heard: readonly Heard[];
}

/** What is wrong on the way from `from` to `to`, told of `to`; undefined: nothing. */
export function judgeWay(from: Participant, to: Participant): Finding | undefined {
  const { port, mtu } = from.listening;
  const { arrived = 0, accepted = 0 } = to.heard.find(({ address }) => address === from.address) ?? {};
  const who = `${from.name} (${from.address})`;
  if (arrived === 0) {
    return {
      level: 'error',
      check: 'data path',
      text: `UDP port ${port} from ${who} does not arrive at ${to.address}`,
      advice: `let UDP port ${port} from ${from.address} through to ${to.address}: firewalls and security groups between the two hosts, OUTPUT on ${from.name}; both nodes must be reached at the addresses that they advertise (--advertise-addr, --data-path-addr)`,
    };
  }
  if (accepted === 0) {
    return {
      level: 'error',
      check: 'firewall',
      text: `UDP port ${port} from ${who} arrives, and this host's own firewall drops it`,
      advice: `accept it: iptables -I INPUT -p udp --dport ${port} -s ${from.address} -j ACCEPT; a chain of nft with a hook in input must accept it as well: one that drops is enough`,
    };
  }
  const most = Math.min(arrived, accepted);
  if (most >= mtu) return undefined;
  return {
    level: 'error',
    check: 'mtu',
    text: `of packets from ${who} those of ${most} bytes arrive, and those of ${mtu} do not, which its networks may send`,
    advice: `give the interfaces of both hosts one MTU (ip link set dev … mtu …), or make the networks with --opt com.docker.network.driver.mtu=${most - 50}`,
  };
}

/** Services that a node holds otherwise than the managers. */
export function judgeServices(expected: ReadonlyMap<string, { name: string; digest: string }>, held: Readonly<Record<string, string>>): string[] {
  const wrong: string[] = [];
  for (const [id, { name, digest }] of expected) if (held[id] !== digest) wrong.push(held[id] === undefined ? `${name} is missing` : `${name} is another`);
  for (const id of Object.keys(held)) if (!expected.has(id)) wrong.push(`service ${id} is there and should not be`);
  return wrong;
}

/** Of a manager that is called in vain at the address that it has among the managers, as `found` on any node says, and that is at another by its own word, or speaks from one. */
export function judgeSeat(node: Node | undefined, found: readonly Finding[]): Finding[] {
  if (!node || roleOf(node) !== 'manager' || node.Status.State !== 'ready') return [];
  const place = managerAddress(node);
  if (!found.some((each) => saysUnreached(each, place))) return [];
  const said = node.Description?.Shoal?.ManagerAddr;
  const { Addr: speaksFrom, Message } = node.Status;
  const known = `the others know this manager at ${place}, where it is not reached`;
  if (said !== undefined && said !== place) {
    const text = `${known}, and it says that it is at ${said}${Message === undefined ? '' : `: it ${Message}`}`;
    const advice = `let TCP to ${said} through from the leader: as soon as it reaches the manager there all are told of the address`;
    return [{ level: 'error', check: 'managers', text, advice }];
  }
  if (speaksFrom === '' || speaksFrom === placeParts(place).host) return [];
  const text = `${known}, and it speaks from ${speaksFrom} itself`;
  const advice = `where its address changed: give the host ${placeParts(place).host} again, on the interface that had it, or beside the new one; or demote it (shoal node demote), then shoal swarm leave and shoal swarm join --token with a manager's token on it`;
  return [{ level: 'error', check: 'managers', text, advice }];
}

/** Whether a node did not reach a manager at `place`, HOST:PORT. */
export function saysUnreached({ check, text }: Finding, place: string): boolean {
  return check === 'managers' && text.includes(` ${place} `);
}

/** Names of networks in one sentence. */
const networksNamed = 8;

/** Of a node that cannot encrypt, where there are networks that must be: nothing of them is sent to it, and it sends nothing of them. */
export function judgeEncryption(node: Node | undefined, encrypted: readonly Network[]): Finding[] {
  if (!node || encrypted.length === 0 || canEncrypt(node)) return [];
  const on = encrypted.filter(({ ID }) => node.Shoal?.Gateways?.[ID] !== undefined);
  const names = (on.length > 0 ? on : encrypted).slice(0, networksNamed).map(({ Spec }) => Spec.Name);
  const what = on.length > 0 ? `its containers on ${names.join(', ')} reach no other node, and are not reached` : `it gets no task of ${names.join(', ')}`;
  return [
    {
      level: on.length > 0 ? 'error' : 'warning',
      check: 'data path',
      text: `this node has no key for encrypted networks (${lackOf(node)}), and nothing of them is sent to it: ${what}`,
      advice: 'give it what it lacks and start its daemon again',
    },
  ];
}
