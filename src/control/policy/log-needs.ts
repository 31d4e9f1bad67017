/** What a log driver's settings reach of the host: its files, its sockets, and what listens on its own loopback, where no container comes. */
import type { LogDriver } from '#model/object/service-spec';

/** Drivers that come with the engine. */
const builtinLogDrivers: ReadonlySet<string> = new Set([
  '',
  'none',
  'json-file',
  'local',
  'journald',
  'syslog',
  'gelf',
  'fluentd',
  'splunk',
  'awslogs',
  'gcplogs',
]);

/** Options that name a file of the host, which the engine reads as root: their values may be relative. */
const fileOptions = /(^|-)(ca-?cert|cert|key|capath|tls-.*|credentials-.*)$/i;
/** Options that say where the log goes. */
const addressOptions = /(^|-)(address|url|endpoint)$/i;
const outward = /^(tcp|udp|tcp\+tls|tls|http|https)$/i;

/** Why it takes a word, for people; undefined: it takes none. */
export function logNeed({ Name = '', Options = {} }: LogDriver): string | undefined {
  if (!builtinLogDrivers.has(Name)) return `log driver ${Name}`;
  const entries = Object.entries(Options);
  if (entries.some(([key, value]) => isOfTheHost(key, value))) return `log driver ${Name} with a path of the host`;
  const own = entries.some(([key, value]) => addressOptions.test(key) && isOwnAddress(value));
  // Where nothing is said it speaks to the host itself.
  const silent = Name === 'fluentd' && !entries.some(([key]) => key === 'fluentd-address');
  return own || silent ? `log driver ${Name} with an address of the host itself` : undefined;
}

/** The engine takes sockets of the host by several schemes, in letters of any case: only what goes out over the network needs no word. */
function isOfTheHost(key: string, value: string): boolean {
  if (fileOptions.test(key) && !/skip-?verify|insecure/i.test(key)) return true;
  if (!addressOptions.test(key)) return false;
  const scheme = schemeOf(value);
  return scheme === undefined ? /^\s*(\/|@|unix|file:)/i.test(value) : !outward.test(scheme);
}

function schemeOf(value: string): string | undefined {
  return /^\s*([a-z][a-z0-9+.-]*):\/\//i.exec(value)?.[1];
}

/** As the hosts files of the usual systems call the loopback. */
const localNames = /(^|\.)(ip6-)?(localhost|loopback)\d?(\.localdomain\d?)?\.?$/;

/** The host's loopback, by name or in any of the ways in which an address may be written; what a name leads to is not known here. */
function isOwnAddress(value: string): boolean {
  const [place = ''] = value
    .trim()
    .replace(/^[^/]*:\/\//, '')
    .split(/[/?#]/);
  const authority = place.slice(place.lastIndexOf('@') + 1).toLowerCase();
  const named = /^\[([^\]]*)\]/.exec(authority)?.[1] ?? (authority.split(':').length > 2 ? authority : authority.split(':')[0]) ?? '';
  // With a zone it is of a link of the host.
  const [host = ''] = named.split('%');
  if (host === '' || localNames.test(host) || /^169\.254\.|^fe[89ab][0-9a-f]:/.test(host)) return true;
  // One number, hexadecimal or octal parts, fewer than four: resolvers take them for addresses.
  if (/^(0x[0-9a-f]*|\d+)(\.(0x[0-9a-f]*|\d+))*\.?$/.test(host)) return !/^(?!0|127\.)(\d|[1-9]\d{1,2})(\.(\d|[1-9]\d{1,2})){3}$/.test(host);
  return host.includes(':') && (/^[0:]*:0*1?$/.test(host) || /^[0:]*:ffff:(0*:)?(127\.|0\.|7f|0)/.test(host));
}
