import { expect, inject, test } from 'vitest';
import { connectTemporal } from '../../client/connection.ts';
import { Unreachable } from '../../client/unreachable.ts';
import { fleet } from '../fakes/fleet.ts';
import { startProxy } from '../parts/proxy.ts';

const at = (address: string, namespace: string) => ({
  ...fleet(1),
  temporal: { address, namespace, ui: null, tls: null, apiKeyFile: null },
});

test('a namespace that Temporal does not have is said to be missing, with how to make it', async () => {
  const connecting = connectTemporal(at(inject('temporalAddress'), 'no-such'));

  await expect(connecting).rejects.toThrow(Unreachable);
  await expect(connecting).rejects.toThrow(
    'has no namespace no-such; make it with: temporal operator namespace create -n no-such',
  );
});

test('a Temporal that is not there is named', async () => {
  await expect(connectTemporal(at('127.0.0.1:1', 'default'))).rejects.toThrow(
    'temporal at 127.0.0.1:1 does not answer',
  );
});

test('a certificate that is not there is named', async () => {
  const tls = { caFile: '/nowhere/ca.pem', certFile: '/nowhere/c.pem', keyFile: '/nowhere/k.pem', serverName: null };
  const { temporal, ...rest } = at('127.0.0.1:1', 'default');

  const connecting = connectTemporal({ ...rest, temporal: { ...temporal, tls } });

  await expect(connecting).rejects.toThrow(Unreachable);
  await expect(connecting).rejects.toThrow('/nowhere/ca.pem:1:1: expected this file');
});

test('a connection is closed when no call is under way, be its Temporal away', async () => {
  await using proxy = await startProxy(`http://${inject('temporalAddress')}`);
  const temporal = await connectTemporal(at(new URL(proxy.url).host, 'default'));
  await proxy.close();
  let ended = 0;
  const call = async (): Promise<void> => {
    await temporal.connection.workflowService.getSystemInfo({}).finally(() => ended++);
  };
  const calls = Array.from({ length: 8 }, () => temporal.until(Date.now() + 1_000, call));

  await expect(Promise.all(calls)).rejects.toThrow('Deadline exceeded');
  await temporal.close();

  // One that is left behind is tried again later, and throws where nobody can catch it.
  expect(ended).toBe(8);
});
