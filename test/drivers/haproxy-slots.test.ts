import { chmod, lstat, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { askHaproxy } from '../../drivers/haproxy/runtime-api.ts';
import { createHaproxySlots } from '../../drivers/haproxy/slots.ts';
import type { SlotBalancer } from '../../model/slot-balancer.ts';
import { eventually } from '../eventually.ts';
import { containing } from '../matching.ts';
import { startUnitHaproxy, type UnitHaproxy } from '../parts/haproxy.ts';
import { startWeb, type TestWeb } from '../parts/web.ts';
import { describeSlotBalancer } from './slot-balancer-contract.ts';
import { askSlot, shopBehind } from './slot-balancer-shop.ts';

/** A folder of the kernel's, in which nobody may create a file. */
const READ_ONLY_FILE = '/proc/sys/kernel/hostname';

let servers: { readonly blue: TestWeb; readonly green: TestWeb };
const opened: UnitHaproxy[] = [];

beforeAll(async () => {
  const [blue, green] = await Promise.all([startWeb('blue'), startWeb('green')]);
  servers = { blue, green };
});

afterAll(() => Promise.all([servers.blue.close(), servers.green.close()]));

afterEach(async () => {
  for (const haproxy of opened.splice(0)) await haproxy.close();
});

describe('HAProxy as the balancer of units', () => {
  describeSlotBalancer(async () => {
    const { haproxy, balancer, unit } = await open();
    return {
      ...{ balancer, unit, unknown: shopBehind({ map: '/nowhere/till.map' }, { backend: 'till-{slot}' }) },
      ask: (service) => askSlot(haproxy.urls[service]),
      makeHealthy: async (slot, healthy) => {
        servers[slot].part.send(healthy ? 'SIGCONT' : 'SIGSTOP');
        return Promise.resolve();
      },
      confuse: async () => {
        await tell(haproxy, `add map ${haproxy.map} active green`);
      },
      restart: async () => {
        await haproxy.kill();
        await haproxy.start();
      },
      down: () => haproxy.kill(),
      close: async () => Promise.resolve(),
    };
  });
});

describe('where requests go', () => {
  test('is switched for all frontends by one line of the file and one command', async () => {
    const { haproxy, balancer, unit } = await open();

    await balancer.cutOver(unit, 'green');

    expect(await readFile(haproxy.map, 'utf8')).toBe('active green\n');
    expect(await tell(haproxy, `show map ${haproxy.map}`)).toMatch(/^0x[0-9a-f]+ active green$/);
    expect([await askSlot(haproxy.urls.web), await askSlot(haproxy.urls.api)]).toEqual(['green', 'green']);
  });

  test('is blue as long as nobody has said anything, as its configuration says', async () => {
    const { haproxy } = await open();

    expect([await askSlot(haproxy.urls.web), await askSlot(haproxy.urls.api)]).toEqual(['blue', 'blue']);
  });

  test('is kept when HAProxy is killed and started again, and when it reads its configuration anew', async () => {
    const { haproxy, balancer, unit } = await open();
    await balancer.cutOver(unit, 'green');

    await haproxy.kill();
    await haproxy.start();
    expect(await askSlot(haproxy.urls.web)).toBe('green');
    await balancer.cutOver(unit, 'blue');
    await balancer.cutOver(unit, 'green');
    await haproxy.reload();

    expect([await askSlot(haproxy.urls.web), await askSlot(haproxy.urls.api)]).toEqual(['green', 'green']);
    expect(await balancer.active(unit)).toBe('green');
    expect(await balancer.problems(unit)).toEqual([]);
  });

  test('is finished by the same call when the first ended between the file and the command', async () => {
    const { haproxy, balancer, unit } = await open();
    await balancer.cutOver(unit, 'blue');
    await writeFile(haproxy.map, 'active green\n');

    await balancer.cutOver(unit, 'green');

    expect(await balancer.active(unit)).toBe('green');
    expect(await balancer.problems(unit)).toEqual([]);
  });

  test('leaves what else the file has, its mode, and a link to it', async () => {
    const { haproxy, balancer, unit } = await open();
    const folder = dirname(haproxy.map);
    await writeFile(haproxy.map, '# of the shop\nactive blue\n\nother value\n');
    await chmod(haproxy.map, 0o640);
    const link = join(folder, 'link.map');
    await symlink(haproxy.map, link);

    await balancer.cutOver({ ...unit, balancer: { ...unit.balancer, mapFile: link } }, 'green');

    expect(await readFile(haproxy.map, 'utf8')).toBe('active green\n# of the shop\nother value\n');
    expect((await stat(haproxy.map)).mode & 0o777).toBe(0o640);
    expect((await lstat(link)).isSymbolicLink()).toBe(true);
    expect(await readdir(folder)).toEqual(['link.map', 'shop.map']);
  });
});

describe('a cutover that can not be kept', () => {
  test.each(['/nowhere/shop.map', READ_ONLY_FILE, '/proc/sys/kernel'])(
    'moves nothing, and names the file: %s',
    async (mapFile) => {
      const { haproxy, balancer, unit } = await open();
      await balancer.cutOver(unit, 'blue');

      const failing = balancer.cutOver({ ...unit, balancer: { ...unit.balancer, mapFile } }, 'green');

      await expect(failing).rejects.toMatchObject({
        kind: 'refused',
        message: containing(`map file ${mapFile} can't be read and replaced`),
      });
      expect(await balancer.active(unit)).toBe('blue');
      expect(await askSlot(haproxy.urls.web)).toBe('blue');
    },
  );

  test.each(['shop.map', '/a b', '/a;quit', '/a\nquit', '/a"'])(
    'is one of a map that can not stand in a command: %j',
    async (map) => {
      const { haproxy, balancer, unit } = await open();

      const failing = balancer.cutOver({ ...unit, balancer: { ...unit.balancer, map } }, 'green');

      await expect(failing).rejects.toMatchObject({ kind: 'refused', message: containing(JSON.stringify(map)) });
      expect(await readFile(haproxy.map, 'utf8')).toBe('');
    },
  );

  test('is one over a socket that may only look', async () => {
    const { haproxy, unit } = await open();
    const readOnly = createHaproxySlots({ name: 'edge', endpoint: haproxy.readOnly });

    expect(await readOnly.problems(unit)).toEqual([containing('has level user, and needs: level admin')]);
  });
});

describe('problems', () => {
  test('are a map that HAProxy does not know, with the lines that it needs, and backends that are missing', async () => {
    const { haproxy, balancer } = await open();
    const map = '/etc/haproxy/till.map';
    const line = `use_backend till-%[str(active),map(${map},blue)]`;
    const where = `load balancer edge at ${haproxy.endpoint}:`;

    const problems = await balancer.problems(shopBehind({ map }, { backend: 'till-{slot}' }));

    expect(problems).toEqual([
      `${where} it knows no map ${map}; its frontends need: ${line}`,
      `${where} there is no backend till-blue`,
      `${where} there is no backend till-green`,
    ]);
  });

  test('are a file that is missing, or in a folder that is not writable', async () => {
    const { haproxy, balancer, unit } = await open();
    const away = { ...unit, balancer: { ...unit.balancer, mapFile: READ_ONLY_FILE } };
    await rm(haproxy.map);

    expect(await balancer.problems(unit)).toEqual([containing(`map file ${haproxy.map} can't be read and replaced`)]);
    expect(await balancer.problems(away)).toEqual([
      containing(`map file ${READ_ONLY_FILE} can't be read and replaced`),
    ]);
  });

  test('are a file and a running map that say different things', async () => {
    const { haproxy, balancer, unit } = await open();
    await balancer.cutOver(unit, 'blue');
    await writeFile(haproxy.map, 'active green\n');

    expect(await balancer.problems(unit)).toEqual([
      containing(`map ${haproxy.map} is blue, and its file ${haproxy.map} is green; make them agree`),
    ]);
  });
});

describe('the traffic of a slot', () => {
  test('has errors when its servers are gone, which HAProxy answers for or breaks off', async () => {
    const { haproxy, balancer, unit } = await open({ green: 1 });
    await balancer.cutOver(unit, 'green');

    for (const url of Object.values(haproxy.urls)) await expect(askSlot(url)).rejects.toThrow();

    await eventually(async () => expect(await balancer.traffic(unit, 'green')).toEqual({ requests: 2, errors: 2 }));
    expect(await balancer.traffic(unit, 'blue')).toEqual({ requests: 0, errors: 0 });
  });

  test('begins anew with each reload', async () => {
    const { haproxy, balancer, unit } = await open();
    await askSlot(haproxy.urls.web);
    await eventually(async () => expect(await balancer.traffic(unit, 'blue')).toEqual({ requests: 1, errors: 0 }));

    await haproxy.reload();

    expect(await balancer.traffic(unit, 'blue')).toEqual({ requests: 0, errors: 0 });
  });
});

async function open(ports: { readonly green?: number } = {}): Promise<{
  readonly haproxy: UnitHaproxy;
  readonly balancer: SlotBalancer;
  readonly unit: ReturnType<typeof shopBehind>;
}> {
  const haproxy = await startUnitHaproxy({ blue: servers.blue.port, green: servers.green.port, ...ports });
  opened.push(haproxy);
  const balancer = createHaproxySlots({ name: 'edge', endpoint: haproxy.endpoint });
  return { haproxy, balancer, unit: shopBehind(haproxy) };
}

const tell = async ({ endpoint }: UnitHaproxy, command: string): Promise<string> =>
  askHaproxy({ name: 'edge', endpoint }, command);
