import { expect, test } from 'vitest';
import { askedEndpoint, endpointAsked, guestBody, guestEndpoint } from '#api/guests/guest-body';

const place = { ref: 'net', network: 'net.id', address: '10.1.0.2', gateway: '10.1.0.1' };

test('the cluster’s network, address and name servers take the place of what the client wrote', () => {
  const body = {
    Image: 'app',
    labels: { own: '1' },
    hostconfig: { networkMode: 'net', Dns: ['9.9.9.9'], Memory: 7 },
    NetworkingConfig: { EndpointsConfig: { net: { Aliases: ['a'], NetworkID: 'net', ipamconfig: { ipv4address: '10.1.0.9' } }, other: {} } },
  };
  expect(askedEndpoint(body, 'net')).toEqual({ aliases: ['a'], address: '10.1.0.9' });
  expect(guestBody(body, [place], 'making-1')).toEqual({
    Image: 'app',
    Labels: { own: '1', 'shoal.guest.key': 'making-1' },
    HostConfig: { NetworkMode: 'net.id', Dns: ['10.1.0.1', '9.9.9.9'], Memory: 7 },
    NetworkingConfig: { EndpointsConfig: { 'net.id': { Aliases: ['a'], IPAMConfig: { IPv4Address: '10.1.0.2' } }, other: {} } },
  });
});

test('a network that is named by its mode only has an endpoint of its own', () => {
  expect(guestBody({ HostConfig: { NetworkMode: 'net' } }, [place], 'making-1')).toEqual({
    Labels: { 'shoal.guest.key': 'making-1' },
    HostConfig: { NetworkMode: 'net.id', Dns: ['10.1.0.1', '169.254.53.53'] },
    NetworkingConfig: { EndpointsConfig: { 'net.id': { IPAMConfig: { IPv4Address: '10.1.0.2' } } } },
  });
});

test('settings that are none are left to the engine', () => {
  expect(endpointAsked({ Aliases: ['a', 7], IPAMConfig: { IPv4Address: 7 } })).toEqual({ aliases: ['a'] });
  expect(endpointAsked(null)).toEqual({ aliases: [] });
  expect(guestEndpoint(undefined, '10.1.0.2')).toEqual({ IPAMConfig: { IPv4Address: '10.1.0.2' } });
});
