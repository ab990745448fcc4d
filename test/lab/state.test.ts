import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseState, readState, writeState } from '../../lab/state.ts';
import { aLab } from './a-lab.ts';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'refit-state-'));
});

afterEach(() => rm(folder, { recursive: true }));

describe('the state of a lab', () => {
  it('is read back as it was written', async () => {
    const file = join(folder, 'lab', 'lab.json');
    const state = aLab({ hosts: 3 });

    await writeState(file, state);

    expect(await readState(file)).toEqual(state);
    expect(await readdir(join(folder, 'lab'))).toEqual(['lab.json']);
  });

  it('is read where it was written before there was a load balancer', async () => {
    const file = join(folder, 'lab.json');
    const { balancer, ...before } = aLab({ hosts: 2 });
    await writeFile(file, JSON.stringify(before));

    expect(balancer).not.toBeNull();
    expect(await readState(file)).toEqual({ ...before, balancer: null });
  });

  it('is read where its load balancer was made before there were units', async () => {
    const file = join(folder, 'lab.json');
    const { balancer, ...before } = aLab({ hosts: 2 });
    const ports = { address: '10.213.7.6', webPort: 19_998, runtimePort: 19_999 };
    await writeFile(file, JSON.stringify({ ...before, balancer: ports }));

    expect(balancer).toMatchObject(ports);
    expect(await readState(file)).toEqual({ ...before, balancer: { ...ports, shop: null } });
  });

  it('is nothing where there is no lab', async () => {
    expect(await readState(join(folder, 'lab.json'))).toBeUndefined();
  });

  it('is refused with what to do when it is torn or of another kind', async () => {
    const file = join(folder, 'lab.json');
    await writeState(file, aLab({ hosts: 1 }));
    const text = await readFile(file, 'utf8');

    expect(() => parseState(text.slice(0, 40), file)).toThrow(/not a lab's state; remove the lab with: refit lab down/);
    expect(() => parseState(text.replace('"version": 1', '"version": 2'), file)).toThrow(/not a lab's state/);
    expect(() => parseState(text.replace(/"port": \d+/, '"port": 70000'), file)).toThrow(/not a lab's state/);
  });
});
