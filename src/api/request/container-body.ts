/** The part of a container's body that concerns the cluster: which networks it names. Go reads keys in any case, so do we. */

/** Names and ids, as they are written; whatever else is wrong with the body is the engine's to say. */
export function networksOfContainer(body: unknown): string[] {
  const modes = fields(body, 'HostConfig').flatMap((host) => fields(host, 'NetworkMode'));
  const endpoints = fields(body, 'NetworkingConfig').flatMap((config) => fields(config, 'EndpointsConfig'));
  const names = endpoints.flatMap((table) => Object.keys(objectOf(table)));
  const ids = endpoints.flatMap((table) => Object.values(objectOf(table)).flatMap((endpoint) => fields(endpoint, 'NetworkID')));
  return [...new Set([...modes, ...names, ...ids].filter((name) => typeof name === 'string' && name !== ''))] as string[];
}

/** Every value under `key`: a body may spell it twice. */
function fields(value: unknown, key: string): unknown[] {
  return Object.entries(objectOf(value))
    .filter(([name]) => name.toLowerCase() === key.toLowerCase())
    .map(([, field]) => field);
}

function objectOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
}
