/** How long stack files take from bytes to a checked stack: one large file, and many small ones. */
import { loadStack } from '#compose/load';
import type { LoadRequest } from '#compose/compose';
import { request } from '#test/support/compose';

export interface ComposeFigures {
  readonly mode: LoadRequest['mode'];
  /** Making the checker, once a process. */
  readonly firstMs: number;
  /** Median of several loads of one file with `services` services. */
  readonly services: number;
  readonly largeFileMs: number;
  /** All of `files` files, one after the other. */
  readonly files: number;
  readonly smallFilesMs: number;
}

/** A version 3 stack file with `services` services that use what people use. */
export function largeStackFile(services = 500): string {
  const service = (index: number): string => `  service${index}:
    image: registry.example.org/team/app${index}:\${TAG:-1.0}
    command: ["serve", "--port", "80"]
    environment: {INDEX: "${index}", MODE: production}
    ports: ["${10000 + index}:80"]
    networks: [front, back]
    volumes: ["data:/data", "./conf:/conf:ro"]
    configs: [{source: site, target: /etc/site.conf, mode: 0440}]
    healthcheck: {test: ["CMD", "true"], interval: 10s, retries: 3}
    logging: {driver: json-file, options: {max-size: 10m}}
    deploy:
      replicas: 3
      update_config: {parallelism: 1, delay: 5s, order: start-first}
      resources: {limits: {cpus: "0.5", memory: 128M}}
      placement: {constraints: [node.role == worker]}
`;
  const all = Array.from({ length: services }, (_, index) => service(index)).join('');
  return `version: "3.8"\nservices:\n${all}networks: {front: {}, back: {}}\nvolumes: {data: {}}\nconfigs: {site: {external: true}}\n`;
}

function timeMs(work: () => void): number {
  const start = performance.now();
  work();
  return performance.now() - start;
}

function loadText(text: string, mode: LoadRequest['mode']): void {
  const { stack, diagnostics } = loadStack({ ...request({ 'compose.yml': text }), mode });
  if (!stack) throw new Error(JSON.stringify(diagnostics));
}

function figures(mode: LoadRequest['mode'], services: number, files: number, runs: number): ComposeFigures {
  const small = Array.from({ length: files }, (_, index) => largeStackFile(1).replaceAll('service0', `service${index}`));
  const large = largeStackFile(services);
  const firstMs = timeMs(() => loadText(small[0] ?? '', mode));
  const times = Array.from({ length: runs }, () => timeMs(() => loadText(large, mode))).sort((a, b) => a - b);
  const smallFilesMs = timeMs(() => {
    for (const text of small) loadText(text, mode);
  });
  const round = (value: number): number => Number(value.toFixed(1));
  return { mode, firstMs: round(firstMs), services, largeFileMs: round(times[Math.floor(runs / 2)] ?? 0), files, smallFilesMs: round(smallFilesMs) };
}

/** Parse and conversion of a file of 500 services (median of 5) and of 1,000 small files, in both modes. */
export async function benchCompose(runs = 5): Promise<ComposeFigures[]> {
  return await Promise.resolve([figures('spec', 500, 1000, runs), figures('strict', 500, 1000, runs)]);
}
