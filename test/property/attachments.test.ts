/** Containers of somebody's that come, run, end, are parked and start again, on a network that is too small for them, beside tasks that want addresses there. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Refusal } from '#base/refusal';
import { changeAttachment } from '#control/attachments';
import { createNetwork } from '#control/networks';
import { createService } from '#control/service/services';
import { stages } from '#manager/stages';
import { featureLevel } from '#model/feature-level';
import type { AttachmentChange } from '#model/object/assignment';
import { addressIn } from '#stages/allocator/allocator';
import { update } from '#store/action';
import { clusterOf } from '#store/view';
import { initialisedCluster, type MemoryCluster } from '#test/support/memory-cluster';

const nodeId = 'node-one';
const containers = ['c0', 'c1', 'c2', 'c3', 'c4', 'c5', 'c6'];

const step = fc.record({
  do: fc.constantFrom('attach', 'ask', 'run', 'end', 'park', 'park', 'wake', 'leave', 'serve'),
  which: fc.nat(containers.length - 1),
  last: fc.integer({ min: 1, max: 7 }),
  ms: fc.constantFrom(0, 100, 6000),
});

/** Of each network every address that a task, a service or a node has. */
function held(cluster: MemoryCluster, networkId: string): string[] {
  const { store } = cluster;
  const tasks = [...store.list('task')].flatMap(({ NetworksAttachments = [] }) =>
    NetworksAttachments.flatMap(({ Network, Addresses }) => (Network.ID === networkId ? Addresses : [])),
  );
  const services = [...store.list('service')].flatMap(({ Endpoint }) =>
    (Endpoint?.VirtualIPs ?? []).flatMap(({ NetworkID, Addr }) => (NetworkID === networkId ? [Addr] : [])),
  );
  const gateways = [...store.list('node')].flatMap(({ Shoal }) => Shoal?.Gateways?.[networkId] ?? []);
  return [...tasks, ...services, ...gateways].map((text) => text.replace(/\/.*/, ''));
}

test('no address is ever two containers’, whoever gives one up, and who runs keeps his', () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 5, maxLength: 40 }), (steps) => {
      let now = Date.UTC(2026, 0, 1);
      const cluster = initialisedCluster({ stages, clock: { now: () => now } });
      const known = clusterOf(cluster.store);
      if (known) cluster.run(() => ({ actions: [update('cluster', { ...known, Shoal: { ...known.Shoal, FeatureLevel: featureLevel } })], result: undefined }));
      const { ID } = cluster.run(createNetwork({ Name: 'small', Attachable: true, IPAM: { Config: [{ Subnet: '10.1.0.0/29' }] } }));
      const taskOf = (containerId: string) => [...cluster.store.list('task')].find(({ Shoal }) => Shoal.Attachment?.ContainerID === containerId);
      const say = (change: AttachmentChange): void => {
        try {
          cluster.run(changeAttachment(nodeId, change, addressIn));
        } catch (error) {
          if (!(error instanceof Refusal)) throw error;
        }
      };
      for (const [at, { do: word, which, last, ms }] of steps.entries()) {
        now += ms;
        const containerId = containers[which] ?? '';
        const task = taskOf(containerId);
        const before = task?.NetworksAttachments?.[0]?.Addresses ?? [];
        const running = task?.Shoal.Attachment?.Running === true;
        const asked = { type: 'attach', containerId, name: containerId, network: 'small', aliases: [] } as const;
        if (word === 'attach') say(asked);
        else if (word === 'ask') say({ ...asked, address: `10.1.0.${last}` });
        else if (word === 'serve')
          cluster.run(
            createService({
              Name: `s${at}`,
              TaskTemplate: { ContainerSpec: { Image: 'x' }, Networks: [{ Target: ID }] },
              Mode: { Replicated: { Replicas: 1 } },
            }),
          );
        else if (!task) continue;
        // A node parks whom it was asked to, and says who runs of those that it has not parked.
        else if (word === 'park' && !running && task.Shoal.Attachment?.GivesUp) say({ type: 'park', taskId: task.ID, networkId: ID });
        else if (word === 'wake') say({ type: 'wake', taskId: task.ID });
        else if (word === 'leave') say({ type: 'detach', taskId: task.ID });
        else if (word === 'run' && before.length > 0) say({ type: 'tell', taskId: task.ID, containerId, name: containerId, running: true });
        else if (word === 'end') say({ type: 'tell', taskId: task.ID, containerId, name: containerId, running: false });
        const all = held(cluster, ID);
        expect(all.length, all.join()).toBe(new Set(all).size);
        if (running && word !== 'leave') expect(taskOf(containerId)?.NetworksAttachments?.[0]?.Addresses).toEqual(before);
      }
    }),
    { numRuns: 60 },
  );
});
