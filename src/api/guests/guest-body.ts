/** The bodies that name a container's networks, with what the cluster gave it there in the place of what the client wrote. Go reads keys in any case, so do we. */

import { guestKeyLabel } from '#model/guest';
import { nameServersOf } from '#model/options/name-servers';

type Json = Readonly<Record<string, unknown>>;

/** A network as the client wrote it, and the container's place there. */
export interface GivenPlace {
  ref: string;
  /** The engine's name of the network. */
  network: string;
  address: string;
  /** Where names are asked for. */
  gateway: string;
}

/** What a client asks for on one network. */
export interface AskedEndpoint {
  aliases: readonly string[];
  address?: string;
}

/** What the body of `POST /containers/create` asks for on the network that it names so. */
export function askedEndpoint(body: unknown, ref: string): AskedEndpoint {
  const endpoints = objectOf(field(field(body, 'NetworkingConfig'), 'EndpointsConfig'));
  return endpointAsked(endpoints[ref]);
}

/** The same of an endpoint's own settings. */
export function endpointAsked(endpoint: unknown): AskedEndpoint {
  const aliases = field(endpoint, 'Aliases');
  const address = field(field(endpoint, 'IPAMConfig'), 'IPv4Address');
  return {
    aliases: Array.isArray(aliases) ? aliases.filter((alias): alias is string => typeof alias === 'string') : [],
    ...(typeof address === 'string' && address !== '' && { address }),
  };
}

/** The body of `POST /containers/create`, on the engine's networks, with the addresses given; names are asked for at the cluster's servers first. It is found by `key`. */
export function guestBody(body: unknown, places: readonly GivenPlace[], key: string): Json {
  const { value: host, rest } = taken(body, 'HostConfig');
  const { value: networking, rest: plain } = taken(rest, 'NetworkingConfig');
  const { value: labels, rest: others } = taken(plain, 'Labels');
  const { value: mode, rest: withoutMode } = taken(host, 'NetworkMode');
  const { value: dns, rest: plainHost } = taken(withoutMode, 'Dns');
  const { value: endpoints, rest: plainNetworking } = taken(networking, 'EndpointsConfig');
  const placeOf = (ref: unknown): GivenPlace | undefined => places.find((place) => place.ref === ref);
  const asked = new Map(Object.entries(objectOf(endpoints)).map(([ref, endpoint]) => [placeOf(ref)?.network ?? ref, endpoint]));
  for (const { network, address } of places) asked.set(network, guestEndpoint(asked.get(network), address));
  return {
    ...others,
    Labels: { ...objectOf(labels), [guestKeyLabel]: key },
    HostConfig: {
      ...plainHost,
      ...(mode !== undefined && { NetworkMode: placeOf(mode)?.network ?? mode }),
      Dns: nameServersOf(
        places.map(({ gateway }) => gateway),
        Array.isArray(dns) ? (dns as string[]) : [],
      ),
    },
    NetworkingConfig: { ...plainNetworking, EndpointsConfig: Object.fromEntries(asked) },
  };
}

/** An endpoint's settings with the address that the cluster gave. */
export function guestEndpoint(endpoint: unknown, address: string): Json {
  const { value: ipam, rest } = taken(endpoint, 'IPAMConfig');
  const { rest: settings } = taken(rest, 'NetworkID');
  const { rest: plain } = taken(ipam, 'IPv4Address');
  return { ...settings, IPAMConfig: { ...plain, IPv4Address: address } };
}

/** The value under a key however it is spelt, the last one where it is there twice. */
export function field(value: unknown, key: string): unknown {
  return taken(value, key).value;
}

function taken(value: unknown, key: string): { value: unknown; rest: Json } {
  const entries = Object.entries(objectOf(value));
  const is = ([name]: [string, unknown]): boolean => name.toLowerCase() === key.toLowerCase();
  return { value: entries.findLast(is)?.[1], rest: Object.fromEntries(entries.filter((entry) => !is(entry))) };
}

function objectOf(value: unknown): Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : {};
}
