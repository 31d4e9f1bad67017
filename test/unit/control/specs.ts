/** Specs that the tests of control start from. */
import type { ServiceSpec } from '#model/object/service-spec';
import type { StackSpec } from '#model/object/stack';

export function serviceSpec(name: string, change: Partial<ServiceSpec> = {}): ServiceSpec {
  return { Name: name, TaskTemplate: { ContainerSpec: { Image: 'app:1' } }, ...change };
}

export function stackSpec(change: Partial<StackSpec> = {}): StackSpec {
  return {
    Name: 'shop',
    Networks: [],
    Secrets: [],
    Configs: [],
    Services: [serviceSpec('shop_web')],
    External: { Networks: [], Secrets: [], Configs: [] },
    ...change,
  };
}

export function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}
