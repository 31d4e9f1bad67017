"""What people do to a cluster with docker-py: its own words for swarm, nodes, networks, secrets, configs and services. Prints nothing when all is as it must be."""
import sys
import time

import docker
from docker import types

image, network_name = sys.argv[1], 'pynet'
client = docker.from_env(timeout=60)
api = client.api


def same(what, found, wanted):
    assert found == wanted, '%s: %r, not %r' % (what, found, wanted)


def until(what, found):
    end = time.time() + 90
    while not found():
        assert time.time() < end, '%s: %r' % (what, [(t['Status'], t['DesiredState']) for t in api.tasks()])
        time.sleep(0.2)


# The swarm: look, change without a word about its name, tokens.
client.swarm.reload()
version = client.swarm.version
assert client.swarm.attrs['JoinTokens']['Worker'].startswith('SWMTKN-1-')
assert client.swarm.update(task_history_retention_limit=4)
client.swarm.reload()
same('history', client.swarm.attrs['Spec']['Orchestration']['TaskHistoryRetentionLimit'], 4)
assert client.swarm.version > version
before = client.swarm.attrs['JoinTokens']['Worker']
assert client.swarm.update(rotate_worker_token=True)
client.swarm.reload()
assert client.swarm.attrs['JoinTokens']['Worker'] != before
same('unlock key', api.get_unlock_key(), {'UnlockKey': ''})
same('info', client.info()['Swarm']['LocalNodeState'], 'active')

# Nodes.
def label_node():
    [node] = client.nodes.list(filters={'role': 'manager'})
    assert node.attrs['ManagerStatus']['Leader']
    assert node.update(dict(node.attrs['Spec'], Labels={'py': 'yes'}))
    return node


# A node that has just begun describes itself once more when its network is there.
try:
    node = label_node()
except docker.errors.APIError as error:
    same('why', error.explanation, 'rpc error: code = Unknown desc = update out of sequence')
    node = label_node()
same('node label', client.nodes.get(node.id).attrs['Spec']['Labels'], {'py': 'yes'})

# Networks, secrets, configs.
network = client.networks.create(network_name, driver='overlay', attachable=False, labels={'a': 'b'}, ipam=types.IPAMConfig(
    driver='default', pool_configs=[types.IPAMPool(subnet='10.77.0.0/24')]))
network.reload()
same('network', (network.attrs['Driver'], network.attrs['Scope'], network.attrs['IPAM']['Config'][0]['Subnet']), ('overlay', 'swarm', '10.77.0.0/24'))
same('networks', [each.name for each in client.networks.list(names=[network_name])], [network_name])
secret = client.secrets.create(name='pysecret', data=b'very', labels={'a': 'b'})
same('secret', client.secrets.get(secret.id).name, 'pysecret')
same('secrets', [each.id for each in client.secrets.list(filters={'name': 'pysecret'})], [secret.id])
config = client.configs.create(name='pyconfig', data=b'open', labels={'a': 'b'})
same('config', client.configs.get(config.id).attrs['Spec']['Labels'], {'a': 'b'})

# A service with most of what docker-py has words for.
service = client.services.create(
    image, name='pyservice', command=['/bin/sh', '-c', 'trap "exit 0" TERM; while true; do echo tick; sleep 0.2; done'], env=['A=1'], labels={'s': 'l'},
    container_labels={'c': 'l'}, init=True, networks=[network_name], mode=types.ServiceMode('replicated', 2), stop_grace_period=1000000000,
    endpoint_spec=types.EndpointSpec(ports={18123: 80}), constraints=['node.role == manager'], preferences=[('spread', 'node.labels.py')],
    resources=types.Resources(mem_limit=67108864, mem_reservation=8388608), restart_policy=types.RestartPolicy(condition='on-failure', delay=1000000000),
    update_config=types.UpdateConfig(parallelism=1, delay=0, order='start-first'),
    secrets=[types.SecretReference(secret.id, 'pysecret', filename='s', mode=0o400)],
    configs=[types.ConfigReference(config.id, 'pyconfig', filename='/c')], mounts=['pydata:/data:rw'], hosts={'db': '10.0.0.1'},
    dns_config=types.DNSConfig(nameservers=['9.9.9.9']), healthcheck=types.Healthcheck(test=['CMD', 'true'], interval=1000000000), log_driver='json-file',
    log_driver_options={'max-size': '1m'}, user='0', workdir='/tmp', hostname='py', tty=False, cap_add=['CAP_NET_ADMIN'])
attrs = client.services.get(service.id, insert_defaults=True).attrs
template = attrs['Spec']['TaskTemplate']
same('restart', (template['RestartPolicy']['Condition'], template['RestartPolicy']['MaxAttempts']), ('on-failure', 0))
same('networks', [each['Target'] for each in template['Networks']], [network.id])
same('ports', attrs['Endpoint']['Ports'][0]['PublishedPort'], 18123)
same('virtual networks', network.id in [each['NetworkID'] for each in attrs['Endpoint']['VirtualIPs']], True)
until('no running tasks', lambda: len([t for t in service.tasks(filters={'desired-state': 'running'}) if t['Status']['State'] == 'running']) == 2)
same('services', [each.name for each in client.services.list(filters={'label': 's=l'})], ['pyservice'])
until('no logs', lambda: b'tick' in b''.join(service.logs(stdout=True, tail=5)))
[first, _second] = service.tasks(filters={'desired-state': 'running'})
same('task', api.inspect_task(first['ID'])['ServiceID'], service.id)
container = client.containers.get(first['Status']['ContainerStatus']['ContainerID'])
same('networks of the container', container.attrs['NetworkSettings']['Networks'][network_name]['NetworkID'], network.id)
same('tasks among containers', container.id in [each.id for each in client.containers.list(filters={'is-task': 'true'}, sparse=True)], True)

service.reload()
assert service.scale(1)
service.reload()
same('scaled', service.attrs['Spec']['Mode']['Replicated']['Replicas'], 1)
assert service.update(labels={'s': 'new'})
service.reload()
same('labels', service.attrs['Spec']['Labels'], {'s': 'new'})
same('image stays', service.attrs['Spec']['TaskTemplate']['ContainerSpec']['Image'], image)
assert service.force_update()

# What is refused, in the errors that docker-py has for it.
for error, refused in [
    (docker.errors.NotFound, lambda: client.services.get('nobody')),
    (docker.errors.APIError, lambda: client.services.create(image, name='pyservice')),
    (docker.errors.APIError, lambda: secret.remove()),
    (docker.errors.APIError, lambda: client.networks.create(network_name, driver='bridge', check_duplicate=True)),
    (docker.errors.APIError, lambda: client.swarm.init(advertise_addr='127.0.0.1')),
]:
    try:
        refused()
    except error:
        continue
    raise AssertionError('not refused')

# Old-style networks, and one that every engine has.
old = api.create_service(types.TaskTemplate(types.ContainerSpec(image, command=['sleep', '600'], init=True)), name='pyhost', networks=['host'])
[target] = api.inspect_service(old['ID'])['Spec']['Networks']
same('host', api.inspect_network(target['Target'])['Name'], 'host')

for each in ['pyservice', 'pyhost']:
    client.services.get(each).remove()
until('services stay', lambda: not client.services.list())
until('tasks stay', lambda: not [name for each in api.containers(all=True) for name in each['Names'] if name.startswith('/py')])
for each in [secret, config, network]:
    each.remove()
