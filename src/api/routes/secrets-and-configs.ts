/** Routes of secrets and configs: two kinds, one manner. */
import { Refusal } from '#base/refusal';
import { createConfig, removeConfig, updateConfig } from '#control/configs';
import { findObject } from '#control/find';
import { sealedAs, sealingFor } from '#control/repository/repository-sealing';
import { sealingOf } from '#control/sealing';
import { createSecret, removeSecret, updateSecret } from '#control/secrets';
import { endingStacks } from '#control/stack/stack-states';
import type { Config, Secret } from '#model/object/secret';
import { decodeBody } from '../request/body.ts';
import { readObject, readView, submit, type Context } from '../context.ts';
import { anyOf, byLabels, byPrefix, readFiltersAtManager, type Filters } from '../request/filters.ts';
import { shown } from '../view/redact.ts';
import { get, parameter, post, remove, versionParameter, type Route } from '../router.ts';
import { configSpec, secretSpec } from '#model/shape/object-shapes';

const configKeys = ['id', 'label', 'name'];
const secretKeys = [...configKeys, 'names'];

export function secretRoutes(context: Context): Route[] {
  return [
    get('/secrets', async (call) => {
      const filters = readFiltersAtManager(call, secretKeys, context.swarm.status());
      const secrets = [...(await readView(context)).list('secret')].filter((secret) => passes(filters, secret));
      return { status: 200, json: secrets.map((secret) => shown('secret', secret)) };
    }),
    get('/secrets/{}', async (call) => ({ status: 200, json: shown('secret', await readObject(context, 'secret', parameter(call))) })),
    post('/secrets/create', async (call) => ({ status: 201, json: await submit(context, call, createSecret(await decodeBody(call.request, secretSpec))) })),
    post('/secrets/{}/update', async (call) => {
      const version = versionParameter(call, 'secret');
      const spec = await decodeBody(call.request, secretSpec);
      await submit(context, call, updateSecret(parameter(call), version, spec));
      return { status: 200 };
    }),
    // Only what encrypts: what opens never leaves.
    get('/shoal/v1/sealing-key', async (call) => {
      const view = await readView(context);
      const sealing = sealingOf(view);
      if (!sealing) throw new Refusal('unavailable', 'this cluster has no key of its own yet: its leader makes one');
      const name = call.query.get('repository');
      const of = name === null ? sealing : sealingFor(sealing, sealedAs(view, findObject(view, 'repository', name)));
      return { status: 200, json: { Recipient: of.Recipient } };
    }),
    remove('/secrets/{}', async (call) => {
      await submit(context, call, endingStacks(removeSecret(parameter(call))));
      return { status: 204 };
    }),
  ];
}

export function configRoutes(context: Context): Route[] {
  return [
    get('/configs', async (call) => {
      const filters = readFiltersAtManager(call, configKeys, context.swarm.status());
      const configs = [...(await readView(context)).list('config')].filter((config) => passes(filters, config));
      return { status: 200, json: configs.map((config) => shown('config', config)) };
    }),
    get('/configs/{}', async (call) => ({ status: 200, json: shown('config', await readObject(context, 'config', parameter(call))) })),
    post('/configs/create', async (call) => ({ status: 201, json: await submit(context, call, createConfig(await decodeBody(call.request, configSpec))) })),
    post('/configs/{}/update', async (call) => {
      const version = versionParameter(call, 'config');
      const spec = await decodeBody(call.request, configSpec);
      await submit(context, call, updateConfig(parameter(call), version, spec));
      return { status: 200 };
    }),
    remove('/configs/{}', async (call) => {
      await submit(context, call, endingStacks(removeConfig(parameter(call))));
      return { status: 204 };
    }),
  ];
}

function passes(filters: Filters, { ID, Spec }: Secret | Config): boolean {
  return (
    byPrefix(filters, 'id', ID) &&
    byPrefix(filters, 'name', Spec.Name) &&
    anyOf(filters, 'names', (name) => name === Spec.Name) &&
    byLabels(filters, 'label', Spec.Labels)
  );
}
